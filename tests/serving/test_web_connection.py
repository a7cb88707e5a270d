"""Time limits of a connection, in a server of this very process."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from onnxlate_serving.gateway import connection
from onnxlate_serving.gateway.border import Border

LARGE = bytes(32 * 1024 * 1024)
"""More than the system takes off a server's hands."""


@asynccontextmanager
async def answering(application: Any, **settings: Any) -> AsyncIterator[int]:
    """The port of an application."""
    config = uvicorn.Config(
        application,
        http=connection.Connection,
        ws="none",
        lifespan="off",
        port=0,
        **settings,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server._serve([listening]))
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await serving


async def say_much(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": LARGE})


async def bytes_read(
    port: int, pause: Callable[[int], float], at_once: int = 1 << 20
) -> int:
    """All that comes, to a client that pauses so long after so many bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    total = 0
    while part := await reader.read(at_once):
        total += len(part)
        await asyncio.sleep(pause(len(part)))
    writer.close()
    return total


async def test_who_leaves_answers_lying_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "READ_S", 0.5)
    async with answering(say_much) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(3)
        size = 0
        with suppress(ConnectionError):
            while part := await reader.read(1 << 20):
                size += len(part)
        writer.close()
        assert 0 < size < len(LARGE)  # what was on its way, and no more


async def test_who_reads_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READ_S", 5)
    async with answering(say_much) as port:
        assert await bytes_read(port, lambda size: 0) > len(LARGE)


async def test_who_reads_slowly_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the whole of it takes."""
    for limit in ("READ_S", "HEADERS_S", "KEEP_ALIVE_S"):
        monkeypatch.setattr(connection, limit, 0.5)
    async with answering(Border(say_much)) as port:
        begun = time.monotonic()
        assert await bytes_read(port, lambda size: size / len(LARGE) * 4) > len(LARGE)
        assert time.monotonic() - begun > 3


async def test_who_reads_little_at_a_time_is_not_taken_for_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though the system, left alone, would have megabytes taken before it says so."""
    monkeypatch.setattr(connection, "READ_S", 1.0)
    async with answering(Border(say_much)) as port:
        end = time.monotonic() + 6

        def pause(size: int) -> float:
            return size / 400_000 if time.monotonic() < end else 0

        assert await bytes_read(port, pause, at_once=1 << 16) > len(LARGE)


async def test_what_is_no_http_is_told_in_the_shape_of_our_errors() -> None:
    async with answering(say_much) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"EHLO x\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()

    assert head.startswith(b"HTTP/1.1 400 ")
    assert "error" in json.loads(body)


async def test_one_connection_too_many_is_told_to_come_again() -> None:
    async with answering(say_much, limit_concurrency=2) as port:
        _, first = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        for each in (first, writer):
            each.close()

    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: " in head.lower()
    assert "too many" in json.loads(body)["error"]


async def test_one_connection_carries_one_request_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also those that are sent before the answer to the first."""
    monkeypatch.setattr(connection, "HEADERS_S", 1)

    async def wait(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(1.5)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async with answering(wait) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        for _ in range(2):
            assert b" 204 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        writer.close()
