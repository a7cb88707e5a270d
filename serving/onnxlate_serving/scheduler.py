"""Who runs next.

The scheduler deals in rows and tokens. It holds no arrays, reads no clock and
awaits nothing, so every decision it can make is a plain function call in a test.
"""

from collections import deque
from collections.abc import Sequence

from onnxlate.errors import InvalidRequest, Overloaded

from .config import SchedulerConfig
from .request import Request
from .step import Step


class Scheduler:
    """Continuous batching: the batch is decided anew before every token."""

    def __init__(self, config: SchedulerConfig, width: int = 0) -> None:
        """`width` is the model's; the number of rows depends on it if nobody says."""
        self._config = config
        self._max_rows = config.rows(width)
        self._waiting: deque[Request] = deque()
        self._waiting_tokens = self._waiting_rows = 0
        # Dictionaries as ordered sets: leaving must not cost a search.
        self._running: dict[Request, None] = {}
        self._num_rows = 0
        # Groups of those whose step failed, the next one last; while one of them runs
        # nobody else does.
        self._suspects: list[list[Request]] = []
        self._apart = False

    @property
    def num_waiting(self) -> int:
        return len(self._waiting) + sum(map(len, self._suspects))

    @property
    def num_rows(self) -> int:
        """Rows that are taken."""
        return self._num_rows

    @property
    def turns_ahead(self) -> int:
        """How often all rows must have become free before those waiting now run."""
        return self._waiting_rows // self._max_rows

    def add(self, requests: Sequence[Request]) -> None:
        """Takes the requests of one call, all of them or none.

        Raises InvalidRequest for a beam that never fits, Overloaded if too many are
        waiting already.
        """
        for request in requests:
            if request.num_rows > self._max_rows:
                raise InvalidRequest(
                    f"beam_size is {request.num_rows}; "
                    f"this server decodes {self._max_rows} rows"
                )
        if requests and len(self._waiting) >= self._config.max_waiting:
            raise Overloaded(
                f"{len(self._waiting)} texts are waiting already; try again later"
            )
        if requests and self._waiting_tokens >= self._config.max_waiting_tokens:
            raise Overloaded(
                f"{self._waiting_tokens} tokens are waiting already; try again later"
            )
        self._waiting.extend(requests)
        self._count(requests, 1)

    def schedule(self) -> Step:
        """Everyone running decodes; whoever fits joins them, in order of arrival."""
        joining = self._next_suspects() if self._suspects or self._apart else []
        if not self._apart:
            joining = self._admit()
        self._running.update(dict.fromkeys(joining))
        self._num_rows += sum(request.num_rows for request in joining)
        return Step(encode=tuple(joining), decode=tuple(self._running))

    def finish(self, request: Request) -> None:
        """Takes a request out, done or cancelled, waiting or running."""
        if request in self._running:
            del self._running[request]
            self._num_rows -= request.num_rows
        elif request in self._waiting:
            self._waiting.remove(request)
            self._count([request], -1)
        else:
            for group in self._suspects:
                if request in group:
                    group.remove(request)

    def part(self, requests: Sequence[Request]) -> None:
        """Has those of a failed step start again, in two halves that do not meet.

        Whichever half fails is parted again, until one is left that fails alone.
        """
        staying = [request for request in requests if request in self._running]
        for request in staying:
            self.finish(request)
        middle = len(staying) // 2
        self._suspects += [staying[middle:], staying[:middle]]

    def _next_suspects(self) -> list[Request]:
        """The next group, once those before are through; says whether all are."""
        if self._running and self._apart:
            return []
        while self._suspects:
            if group := self._suspects.pop():
                self._apart = True
                return group
        self._apart = False
        return []

    def _admit(self) -> list[Request]:
        joining: list[Request] = []
        free_rows = self._max_rows - self._num_rows
        # Who decodes already waits for the encoder too, so newcomers join bit by bit.
        room = (
            self._config.max_joining_tokens
            if self._running
            else self._config.max_encode_tokens
        )
        while self._waiting:
            request = self._waiting[0]
            room -= len(request.source_ids)
            # A lone source always fits, or it would wait for ever.
            if request.num_rows > free_rows or (room < 0 and joining):
                break  # nobody overtakes, so nobody starves
            joining.append(self._waiting.popleft())
            free_rows -= request.num_rows
        self._count(joining, -1)
        return joining

    def _count(self, requests: Sequence[Request], times: int) -> None:
        """What waits, after these have come (1) or gone (-1)."""
        for request in requests:
            self._waiting_tokens += times * len(request.source_ids)
            self._waiting_rows += times * request.num_rows
