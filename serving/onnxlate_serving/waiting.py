"""Who waits for rows, and whose turn is next."""

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from itertools import islice

from .request import Request

TEXTS_A_TURN = 8
"""Of one call, before another has its turn. Small calls are thus answered one after the
other: were their texts taken by turns too, all would be ready late."""

Calls = OrderedDict[int, deque[Request]]
"""The calls of one caller, the next one first."""


class Waiting:
    """Callers take turns, and the calls of one caller do, some texts each time.

    A caller with a thousand texts thus does not keep one with a single text waiting;
    behind a proxy, where all are one caller, neither does a call with hundreds. Whose
    turn it is keeps it until there is room, so nobody starves for being long or wide.
    """

    def __init__(self) -> None:
        self._callers: OrderedDict[str, Calls] = OrderedDict()
        self._places: dict[Request, tuple[str, int]] = {}
        self._tokens_of: dict[str, int] = {}
        self._num_calls = self._num_taken = 0
        self.num_tokens = self.num_rows = 0
        self.work = 0
        """Tokens times rows: whoever has both keeps rows from others for long."""

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, request: Request) -> bool:
        return request in self._places

    def add(self, requests: Sequence[Request], caller: str) -> None:
        """The requests of one call."""
        if not requests:
            return
        self._num_calls += 1
        calls = self._callers.setdefault(caller, OrderedDict())
        calls[self._num_calls] = deque(requests)
        self._places.update(dict.fromkeys(requests, (caller, self._num_calls)))
        self._count(requests, caller, 1)

    def next(self) -> Request:
        """Whose turn it is; there must be somebody."""
        calls = next(iter(self._callers.values()))
        return next(iter(calls.values()))[0]

    def take(self) -> Request:
        """The same, who leaves; after some texts of one call the turn goes on."""
        caller, calls = next(iter(self._callers.items()))
        call, texts = next(iter(calls.items()))
        request = texts.popleft()
        self._leave(request, caller, call)
        self._num_taken += 1
        if not texts or self._num_taken >= TEXTS_A_TURN:
            self._pass_on(caller, call)
        return request

    def remove(self, request: Request) -> None:
        caller, call = self._places[request]
        self._callers[caller][call].remove(request)
        self._leave(request, caller, call)

    def _leave(self, request: Request, caller: str, call: int) -> None:
        """It is not among the texts of its call any more."""
        del self._places[request]
        self._count((request,), caller, -1)
        calls = self._callers[caller]
        if not calls[call]:
            del calls[call]
            if not calls:
                del self._callers[caller]
                del self._tokens_of[caller]

    def rows_ahead(self, caller: str) -> float:
        """At least about how many rows come before those of a new call of this caller.

        Every call of its own has a turn before, and with each every other caller.
        """
        if not self._places:
            return 0.0
        own: Mapping[int, deque[Request]] = self._callers.get(caller, {})
        rounds = max(len(own), 1)
        texts = sum(
            min(len(call), TEXTS_A_TURN)
            for name, calls in self._callers.items()
            for call in islice(calls.values(), len(own) if name == caller else rounds)
        )
        return texts * self.num_rows / len(self._places)

    def has_its_share(self, caller: str) -> bool:
        """Whether at least as many tokens wait for it as for each in the mean."""
        callers = len(self._callers) + (caller not in self._callers)
        return self._tokens_of.get(caller, 0) * callers >= self.num_tokens

    def _pass_on(self, caller: str, call: int) -> None:
        self._num_taken = 0
        if caller in self._callers:
            self._callers.move_to_end(caller)
            if call in self._callers[caller]:
                self._callers[caller].move_to_end(call)

    def _count(self, requests: Sequence[Request], caller: str, times: int) -> None:
        tokens = rows = work = 0
        for request in requests:
            length, width = len(request.source_ids), request.num_rows
            tokens += length
            rows += width
            work += length * width
        self.num_tokens += times * tokens
        self.num_rows += times * rows
        self.work += times * work
        self._tokens_of[caller] = self._tokens_of.get(caller, 0) + times * tokens
