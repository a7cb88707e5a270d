"""Gateways to call: of whole servers, and in front of a double."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from onnxlate_serving.address import Address
from onnxlate_serving.config import ServerConfig
from onnxlate_serving.gateway.process import Gateway

from .server_process import ServerProcess, server_process
from .word_by_word import WordByWord, answering

ANYWHERE = "127.0.0.1:0"
PAGE = re.compile(r"web page at (https?://\S+)/$", re.MULTILINE)


@dataclass(frozen=True)
class Whole:
    process: ServerProcess
    grpc: str
    url: str
    """Without the slash at its end."""


@contextmanager
def served(*arguments: str | Path) -> Iterator[Whole]:
    """A server and its gateway, as users have them."""
    where = ("--listen", ANYWHERE, "--web", ANYWHERE, "--announce-seconds", "0")
    with server_process(*arguments, *where) as process:
        grpc = process.wait_ready(60)
        found = PAGE.search(process.log)
        assert found
        yield Whole(process, grpc, found[1])


@asynccontextmanager
async def before(servicer: WordByWord) -> AsyncIterator[str]:
    """Where the gateway before a double is."""
    config = ServerConfig(web=ANYWHERE)
    gateway = Gateway(config, Address.parse(ANYWHERE))
    with answering(servicer, gateway.upstream):
        await gateway.start()
        try:
            yield gateway.url.rstrip("/")
        finally:
            await gateway.stop()


@contextmanager
def standing(servicer: WordByWord) -> Iterator[str]:
    """The same for tests that are not asynchronous, or share it."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    place = before(servicer)
    try:
        yield asyncio.run_coroutine_threadsafe(place.__aenter__(), loop).result(60)
        closing = place.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(closing, loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
