"""One connection over HTTP, which must neither dawdle nor leave answers lying."""

import asyncio
import fcntl
import termios
from array import array
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from .failures import overcrowded, unparsable

HEADERS_S = 10.0
"""For the head of a request to arrive, every byte of it."""

KEEP_ALIVE_S = 15.0
"""Between an answer and the next request."""

READ_S = 30.0
"""For a client to take some of what was written; streams wait for it meanwhile."""


class Connection(H11Protocol):
    """uvicorn's, with time limits that it does not have."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        # Looked after here, where it is said as all our errors are.
        self._most, self.limit_concurrency = self.limit_concurrency, None
        self._usual = self.app

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head(HEADERS_S)

    def data_received(self, data: bytes) -> None:
        crowded = self._most is not None and len(self.connections) >= self._most
        self.app = _overcrowded if crowded else self._usual
        super().data_received(data)
        self._pardon_if_asked()

    def on_response_complete(self) -> None:
        self._expect_head(KEEP_ALIVE_S + HEADERS_S)
        super().on_response_complete()  # which may take up another request
        self._pardon_if_asked()

    def send_400_response(self, msg: str) -> None:
        """In the shape that all our errors have."""
        said = unparsable()
        for event in (
            h11.Response(status_code=said.status_code, headers=said.raw_headers),
            h11.Data(data=bytes(said.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        _cancel(self._reading)

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._head)
        super().connection_lost(exc)
        _cancel(self._reading)

    def _pardon_if_asked(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            _cancel(self._head)

    def _expect_reading(self) -> None:
        _cancel(self._reading)
        self._reading = self.loop.call_later(
            READ_S, self._expect_more_reading, self._untaken()
        )

    def _expect_more_reading(self, before: int) -> None:
        """The system resumes writing once a good part of megabytes is taken, for which
        somebody who reads little at a time needs longer."""
        if self._untaken() < before:
            self._expect_reading()
        else:
            self.transport.abort()

    def _untaken(self) -> int:
        """Bytes that the system keeps because the client has not taken them."""
        held = self.transport.get_extra_info("socket")
        number = array("i", [0])
        fcntl.ioctl(held.fileno(), termios.TIOCOUTQ, number)
        return number[0]

    def _expect_head(self, seconds: float) -> None:
        _cancel(self._head)
        self._head = self.loop.call_later(seconds, self.transport.abort)


async def _overcrowded(scope: Any, receive: Any, send: Any) -> None:
    await overcrowded()(scope, receive, send)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer:
        timer.cancel()
