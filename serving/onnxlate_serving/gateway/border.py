"""What holds for every request: how much it may send, and what browsers may do."""

import asyncio
from collections.abc import Iterator

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 2 * 1024 * 1024
"""Of a request's body."""

MAX_FILE_BYTES = 16 * 1024 * 1024
"""Of one with a file."""

PIECE_BYTES = 64 * 1024
"""Of an answer, at once."""

BODY_S = 60.0
"""For all of it to arrive."""

POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

SECURITY = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


class Border:
    """Around the application; what it refuses is answered in there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        body = _Body(scope, receive)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            for piece in _pieces(message):
                await send(piece)

        await self._app(scope, body.receive, guarded)


def _pieces(message: Message) -> Iterator[Message]:
    """Between two of them uvicorn waits until the client has read; one large message it
    would call complete, and its connection idle, with nearly all of it unsent.
    """
    body = message.get("body", b"")
    last = max(0, len(body) - 1) // PIECE_BYTES * PIECE_BYTES
    for start in range(0, last, PIECE_BYTES):
        piece = body[start : start + PIECE_BYTES]
        yield {**message, "body": piece, "more_body": True}
    yield {**message, "body": body[last:]} if last else message


class _Body:
    """Of one request, up to a limit in bytes and seconds."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        files = scope["path"].endswith("/translate_file")
        self._left = MAX_FILE_BYTES if files else MAX_BYTES
        self._told = Headers(scope=scope).get("content-length", "0")
        self._end_s = asyncio.get_running_loop().time() + BODY_S
        self._complete = False

    async def receive(self) -> Message:
        if self._complete:  # the next thing to hear of is that nobody is there
            return await self._receive()
        if self._told.isdigit() and int(self._told) > self._left:
            raise HTTPException(413, f"more than {self._left} bytes are sent")
        try:
            async with asyncio.timeout_at(self._end_s):
                message = await self._receive()
        except TimeoutError as cause:
            raise HTTPException(408, "the request took too long to arrive") from cause
        size = len(message.get("body", b""))
        if size > self._left:
            raise HTTPException(413, "too many bytes are sent")
        self._left -= size
        self._told = "0"
        self._complete = not message.get("more_body", False)
        return message
