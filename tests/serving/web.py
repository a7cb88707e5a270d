"""Whole servers, and the pages of their metrics ports."""

import asyncio
import ssl
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from onnxlate_serving.config import ServerConfig
from onnxlate_serving.server import Server


@dataclass(frozen=True)
class Running:
    """A server in this very process."""

    server: Server
    address: str


@asynccontextmanager
async def running(config: ServerConfig) -> AsyncIterator[Running]:
    server = Server(config)
    address = await server.start()
    try:
        yield Running(server, str(address))
    finally:
        await server.stop()


async def fetch(
    server: Server,
    path: str,
    authorization: str = "",
    tls: ssl.SSLContext | None = None,
) -> tuple[int, str]:
    """The status and the page."""
    assert server._web
    url = f"{server._web.scheme}://{server._web.address}{path}"
    headers = {"Authorization": authorization} if authorization else {}
    request = urllib.request.Request(url, headers=headers)
    return await asyncio.to_thread(page_of, request, tls)


async def counted(server: Server, line: str, authorization: str = "") -> None:
    """Wait for a line of the metrics: a call is counted once its answer is gone."""
    async with asyncio.timeout(10):
        while line not in (await fetch(server, "/metrics", authorization))[1]:
            await asyncio.sleep(0.02)


def page_of(
    request: urllib.request.Request | str, tls: ssl.SSLContext | None = None
) -> tuple[int, str]:
    """The status and the page."""
    try:
        with urllib.request.urlopen(request, timeout=5, context=tls) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
