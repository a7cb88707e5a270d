"""What is under way between a document and a server, whichever client waits for it."""

from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from .calls import Call, Outcome
from .work import Work


class Pending(Protocol):
    def cancel(self) -> None: ...


AnyPending = TypeVar("AnyPending", bound=Pending)


class Exchange(Generic[AnyPending]):
    """Wait for `oldest()` and `take` its outcome until there is none.

    A context, which cancels what is under way when it is left early.
    """

    def __init__(self, work: Work, start: Callable[[Call], AnyPending]) -> None:
        self._work = work
        self._start = start
        self._under_way: deque[tuple[Call, AnyPending]] = deque()

    def oldest(self) -> AnyPending | None:
        """Sends what can be sent."""
        while call := self._work.next(len(self._under_way)):
            self._under_way.append((call, self._start(call)))
        return self._under_way[0][1] if self._under_way else None

    def take(self, outcome: Outcome) -> None:
        """Of the oldest."""
        call, _ = self._under_way.popleft()
        self._work.take(call, outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for _, pending in self._under_way:
            pending.cancel()
