"""Callers that cost next to nothing, so that what they measure is the server.

gRPC's own client needs about as much time for a refused call as the server does, and
here both share the machine. So this speaks as much HTTP/2 as a unary call has: frames
are made once, answers are counted and not read, and headers are looked through for
the status alone. With a table of size 0, which the client may ask for, it is always
written out.
"""

import asyncio
import struct
from typing import Self

from .target import Unfit

DATA, HEADERS, RESET, SETTINGS, PING, GOODBYE, WINDOW = 0, 1, 3, 4, 6, 7, 8
"""Types of frames."""

END_OF_STREAM, ACKNOWLEDGED, END_OF_HEADERS = 1, 1, 4

HEADER_TABLE_SIZE, INITIAL_WINDOW = 1, 4
"""Settings."""

MOST = 2**31 - 1

FIRST_WINDOW = 65_535
"""Bytes that a connection may send before the other side says more."""

STATUS = b"grpc-status"

TIMEOUT = "120S"


def frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    head = len(content).to_bytes(3, "big") + bytes((kind, flags))
    return head + stream.to_bytes(4, "big") + content


def header(name: str, value: str) -> bytes:
    """Neither compressed nor remembered."""
    words = (name.encode(), value.encode())
    return b"\0" + b"".join(bytes((len(word),)) + word for word in words)


def headers(path: str, authority: str) -> bytes:
    fields = {
        **{":method": "POST", ":scheme": "http", ":path": path},
        **{":authority": authority, "te": "trailers"},
        **{"content-type": "application/grpc", "grpc-timeout": TIMEOUT},
    }
    return b"".join(header(name, value) for name, value in fields.items())


GREETING = b"".join(
    (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        frame(
            *(SETTINGS, 0, 0),
            struct.pack(">HIHI", HEADER_TABLE_SIZE, 0, INITIAL_WINDOW, MOST),
        ),
        # Answers are small: nobody will have to say again how much may be sent.
        frame(WINDOW, 0, 0, (MOST - FIRST_WINDOW).to_bytes(4, "big")),
    )
)


class Crowd(asyncio.Protocol):
    """One connection with any number of unary calls of one method on it."""

    def __init__(self, path: str, address: str) -> None:
        self._headers = headers(path, address)
        self._calls: dict[int, asyncio.Future[int]] = {}
        self._next_stream = 1
        self._room = FIRST_WINDOW
        self._received = b""
        self.bytes_moved = 0
        """Both ways, without what TCP adds."""

    @classmethod
    async def meet(cls, address: str, path: str) -> Self:
        host, _, port = address.rpartition(":")
        loop = asyncio.get_running_loop()
        _, crowd = await loop.create_connection(
            lambda: cls(path, address), host, int(port)
        )
        return crowd

    def call(self, message: bytes) -> asyncio.Future[int]:
        """The number of the gRPC status that the call comes to."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        data = b"\0" + len(message).to_bytes(4, "big") + message
        self._room -= len(data)
        if self._room < 0:
            raise Unfit("the server does not read what it is sent")
        request = frame(HEADERS, END_OF_HEADERS, stream, self._headers)
        request += frame(DATA, END_OF_STREAM, stream, data)
        self._transport.write(request)
        self.bytes_moved += len(request)
        future = self._calls[stream] = asyncio.get_running_loop().create_future()
        return future

    def close(self) -> None:
        """Whoever still waits is cancelled."""
        for future in self._calls.values():
            future.cancel()
        self._calls.clear()
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(GREETING)

    def data_received(self, data: bytes) -> None:
        self.bytes_moved += len(data)
        received = self._received + data
        at = 0
        while len(received) - at >= 9:
            end = at + 9 + int.from_bytes(received[at : at + 3], "big")
            if end > len(received):
                break
            stream = int.from_bytes(received[at + 5 : at + 9], "big")
            content = received[at + 9 : end]
            self._hear(received[at + 3], received[at + 4], stream, content)
            at = end
        self._received = received[at:]

    def connection_lost(self, cause: Exception | None) -> None:
        self._fail(f"the server hung up: {cause or 'no reason given'}")

    def _hear(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        if kind == HEADERS and flags & END_OF_STREAM:
            self._calls.pop(stream).set_result(status_in(content))
        elif kind in (SETTINGS, PING) and not flags & ACKNOWLEDGED:
            reply = content if kind == PING else b""
            self._transport.write(frame(kind, ACKNOWLEDGED, 0, reply))
        elif kind == WINDOW and not stream:
            self._room += int.from_bytes(content, "big")
        elif kind == GOODBYE or (kind == RESET and stream in self._calls):
            self._fail(f"the server ended a call or the connection: {content!r}")

    def _fail(self, why: str) -> None:
        for future in self._calls.values():
            if not future.done():
                future.set_exception(Unfit(why))
        self._calls.clear()


def status_in(block: bytes) -> int:
    """gRPC's status, in the headers at the end of a call."""
    _, found, rest = block.partition(STATUS)
    if not found:
        raise Unfit("a call ended without a status that could be read")
    return int(rest[1 : 1 + rest[0]])
