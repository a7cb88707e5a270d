"""Which cores a server has, and which its callers, so that they do not share any."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Self

from onnxlate.errors import ConfigError

FORM = "SERVER:LOAD, such as 0,1:2-5"


@dataclass(frozen=True, slots=True)
class Split:
    """No cores are all of those that this process may use."""

    server: tuple[int, ...] = ()
    load: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Raises ConfigError for cores that are not there for us."""
        if text is None:
            return cls()
        if not hasattr(os, "sched_setaffinity"):
            raise ConfigError("--cores: this system cannot tie a process to cores")
        server, colon, load = text.partition(":")
        if not colon:
            raise ConfigError(f"--cores {text!r} is not {FORM}")
        split = cls(_numbers(server, text), _numbers(load, text))
        ours = os.sched_getaffinity(0)
        if lacking := sorted({*split.server, *split.load} - ours):
            raise ConfigError(
                f"--cores {text!r}: there is no core {_words(lacking)} for us; "
                f"we may use {_words(sorted(ours))}"
            )
        return split

    @property
    def words(self) -> str:
        """To be put behind the name of a machine."""
        if not self.server:
            return ""
        return f", the server on {_words(self.server)}, callers on {_words(self.load)}"

    def for_server(self) -> AbstractContextManager[None]:
        """A process that is started meanwhile has the server's cores."""
        return on_cores(self.server)

    def for_load(self) -> AbstractContextManager[None]:
        """This process keeps to the callers' cores, and the threads it starts do."""
        return on_cores(self.load)


SHARED = Split()


@contextmanager
def on_cores(cores: Sequence[int]) -> Iterator[None]:
    """This thread keeps to those cores, if there are any; whom it starts does too."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _numbers(part: str, text: str) -> tuple[int, ...]:
    """Of "0,2-4"."""
    numbers: set[int] = set()
    try:
        for each in part.split(","):
            first, _, last = each.partition("-")
            found = range(int(first), int(last or first) + 1)
            if not found:
                raise ValueError
            numbers.update(found)
    except ValueError as cause:
        raise ConfigError(f"--cores {text!r} is not {FORM}") from cause
    return tuple(sorted(numbers))


def _words(cores: Sequence[int]) -> str:
    return ",".join(map(str, cores))
