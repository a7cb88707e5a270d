"""Lets a trainer that knows no pauses make some updates, wait, and make some more."""

import time
from collections.abc import Callable, Iterator

from .process_memory import memory
from .trainer_settings import Train, Trained


class NoMoreOrders(Exception):
    """Unwinds a trainer that would go on for ever."""


class Pace:
    """Told of every update; it returns when the next one may begin.

    The clock runs from an order to the end of its last update, so what trainers do
    before the first update and after the last counts for no round but the first.
    """

    def __init__(
        self, orders: Iterator[Train], report: Callable[[Trained], None]
    ) -> None:
        self._orders = orders
        self._report = report

    def wait(self) -> None:
        """For an order; raises NoMoreOrders."""
        try:
            self._left = next(self._orders).updates
        except StopIteration:
            raise NoMoreOrders from None
        self._losses: list[float] = []
        self._tokens = 0
        self._cpu_started = time.process_time()
        self._started = time.perf_counter()

    def updated(self, loss: float, tokens: int) -> None:
        """`loss` is the mean over `tokens` real target tokens."""
        self._losses.append(loss)
        self._tokens += tokens
        self._left -= 1
        if not self._left:
            self._report(self._trained())
            self.wait()

    def _trained(self) -> Trained:
        return Trained(
            seconds=time.perf_counter() - self._started,
            cpu_seconds=time.process_time() - self._cpu_started,
            tokens=self._tokens,
            losses=self._losses,
            memory=memory(),
        )
