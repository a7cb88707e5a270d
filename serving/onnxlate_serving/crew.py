"""Several engines that share one model's work."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, partial

from onnxlate.errors import Overloaded

from .caller import ANYBODY, Caller
from .config import FEW
from .engine import Engine
from .outbox import Outbox
from .request import Request


class Crew:
    """Engines with the same weights, each with a thread and rows of its own.

    Where a model's operators are too small to be shared among threads, whole sentences
    are: two engines on two cores do nearly twice the work of one.
    """

    def __init__(
        self, engines: Sequence[Engine], few: int = FEW, few_lone: int | None = None
    ) -> None:
        """`few` is how many rows an engine has before another gets some, and `few_lone`
        the same of a greedy text that is a call's only one."""
        self._engines = list(engines)
        self._few = few
        self._few_lone = few if few_lone is None else few_lone

    def check_room(self, caller: Caller = ANYBODY) -> None:
        """Raises Overloaded if no engine would take a call of this caller now.

        Quickly, since in a crowd nearly every call ends here.
        """
        for number, engine in enumerate(self._engines, 1):
            try:
                return engine.check_room(caller)
            except Overloaded:
                if number == len(self._engines):
                    raise

    @contextmanager
    def decoding(
        self, requests: Sequence[Request], caller: Caller = ANYBODY
    ) -> Iterator[list[Outbox]]:
        """Shares the requests of one call out; as Engine.decoding in all else.

        Raises what that does; nobody keeps a part of a call that another refused.
        """
        if requests and self._fit_the_first(requests, caller):
            with self._engines[0].decoding(requests, caller) as theirs:
                yield theirs
            return
        shares = self._shares(requests, caller)
        outboxes: dict[Request, Outbox] = {}
        with ExitStack() as stack:
            for engine, share in zip(self._engines, shares, strict=True):
                if share:
                    theirs = stack.enter_context(engine.decoding(share, caller))
                    outboxes.update(zip(share, theirs, strict=True))
            yield [outboxes[request] for request in requests]

    def _fit_the_first(self, requests: Sequence[Request], caller: Caller) -> bool:
        """Whether the first engine gets all, as `_shares` would find out one by one."""
        rows = sum(request.num_rows for request in requests[:-1])
        return self._engines[0].load + rows < self._few and self._has_room(0, caller)

    def _shares(
        self, requests: Sequence[Request], caller: Caller
    ) -> list[list[Request]]:
        """Each request to an engine that has a few rows at most, or to the idlest
        of those that have room, if any has."""
        shares: list[list[Request]] = [[] for _ in self._engines]
        loads = [engine.load for engine in self._engines]
        alone = len(requests) == 1 and requests[0].num_rows == 1
        most = self._few_lone if alone else self._few
        # For all of a call's texts it is the same.
        has_room = cache(partial(self._has_room, caller=caller))

        def strain(at: int) -> tuple[bool, int]:
            """One engine may be full while another, whose rows are freed sooner, is
            not."""
            return not has_room(at), loads[at]

        for request in requests:
            few = (
                at
                for at, load in enumerate(loads)
                # Many that come at once wait at first, and among many engines each has
                # a small part of what may.
                if load < most and has_room(at)
            )
            chosen = next(few, None)
            if chosen is None:
                chosen = min(range(len(loads)), key=strain)
            loads[chosen] += request.num_rows
            shares[chosen].append(request)
        return shares

    def _has_room(self, at: int, caller: Caller) -> bool:
        try:
            self._engines[at].check_room(caller)
        except Overloaded:
            return False
        return True
