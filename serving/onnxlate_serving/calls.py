"""The calls under way, so that a server can stop without cutting one."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from onnxlate.errors import Unavailable


class Calls:
    """Counts calls in and out, until it is told to take no more."""

    def __init__(self) -> None:
        self._idle = asyncio.Event()
        self._idle.set()
        self.closing = asyncio.Event()
        """Set when no more calls are taken."""
        self.count = 0
        """Calls under way."""

    @contextmanager
    def one(self) -> Iterator[None]:
        """Holds the place of one call; raises Unavailable after `close`."""
        if self.closing.is_set():
            raise Unavailable("the server is draining; ask another, or later")
        self.count += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.count -= 1
            if not self.count:
                self._idle.set()

    def close(self) -> None:
        self.closing.set()

    async def idle(self) -> None:
        """Waits until no call is under way."""
        await self._idle.wait()
