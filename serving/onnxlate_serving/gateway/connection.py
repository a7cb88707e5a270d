"""One connection over HTTP, which must neither dawdle nor leave answers lying."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

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

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head(HEADERS_S)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._pardon_if_asked()

    def on_response_complete(self) -> None:
        self._expect_head(KEEP_ALIVE_S + HEADERS_S)
        super().on_response_complete()  # which may take up another request
        self._pardon_if_asked()

    def pause_writing(self) -> None:
        super().pause_writing()
        _cancel(self._reading)
        self._reading = self.loop.call_later(READ_S, self.transport.abort)

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

    def _expect_head(self, seconds: float) -> None:
        _cancel(self._head)
        self._head = self.loop.call_later(seconds, self.transport.abort)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer:
        timer.cancel()
