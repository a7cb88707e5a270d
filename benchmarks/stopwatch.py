"""Notes what a process does when, by standing in front of its functions.

Times are exclusive: what a watched function spends in another one is the other's. A
note costs about a microsecond.
"""

import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from .settings import Record


@dataclass(frozen=True, slots=True)
class Note:
    """One call of a watched function, on the clock that all processes share."""

    label: str
    thread: int
    start: float
    end: float
    seconds: float
    """Its own, without those of watched functions it called."""


class Notes(Record):
    """All of a process."""

    notes: list[Note]
    loop_cpu: list[tuple[float, float]]
    """Now and then, the time and the CPU seconds of the main thread so far."""


@dataclass(slots=True)
class _Open:
    """A watched function that has not returned yet."""

    inner: float = 0.0
    """Seconds that watched functions inside it took."""


class Stopwatch:
    def __init__(self) -> None:
        self.notes: list[Note] = []
        self._local = threading.local()

    def watched(self, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with a note of each call."""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            stack: list[_Open] = self._local.__dict__.setdefault("stack", [])
            this = _Open()
            stack.append(this)
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                end = time.perf_counter()
                stack.pop()
                if stack:
                    stack[-1].inner += end - start
                own = end - start - this.inner
                self.notes.append(Note(label, threading.get_ident(), start, end, own))

        return call

    def watch(self, label: str, place: str) -> bool:
        """A method, as "module:Class.method"; whether there is such a one."""
        module, _, name = place.partition(":")
        owner_name, _, method = name.partition(".")
        try:
            owner = getattr(import_module(module), owner_name)
            function = getattr(owner, method)
        except (ImportError, AttributeError):
            return False
        setattr(owner, method, self.watched(label, function))
        return True
