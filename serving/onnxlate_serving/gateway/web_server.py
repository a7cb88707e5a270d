"""HTTP as uvicorn speaks it, and for nobody for ever."""

import asyncio
import logging
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn

from onnxlate.errors import ServerFailure

from ..config import TlsConfig
from ..tls import Tls
from .app import application
from .config import GatewayConfig
from .connection import KEEP_ALIVE_S, Connection
from .process import STOP, STOP_S

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 512
"""At once; from there on requests are answered with 503."""

RENEW_S = 10.0
"""How often certificates are looked at."""


class _Server(uvicorn.Server):
    """Leaves signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(config: GatewayConfig, ready: Callable[[], None]) -> None:
    """Until the standard input ends; of a server that is gone it clears away what
    that has left."""
    tls = Tls(config.tls) if config.tls else None
    async with application(config) as app:
        settings = uvicorn.Config(
            app,
            loop="none",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=int(KEEP_ALIVE_S),
            timeout_graceful_shutdown=int(STOP_S),
        )
        settings.load()
        settings.ssl = tls.context() if tls else None
        # What uvicorn has to say when it starts and stops, its parent says.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        # It warns of each form that is none, with a byte of what was sent.
        logging.getLogger("python_multipart").setLevel(logging.ERROR)
        server = _Server(settings)
        listening = socket.socket(fileno=config.socket)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not (server.started or serving.done()):
            await asyncio.sleep(0.005)
        if serving.done():
            await serving  # which says why, if it can
            raise ServerFailure("the web gateway ended when it had just begun")
        ready()
        renewing = asyncio.create_task(_renew(tls, config.tls, settings.ssl))
        last_words = await _end_of_input()
        server.should_exit = True
        await serving
        renewing.cancel()
    if last_words != STOP:
        _clear(Path(config.upstream.removeprefix("unix:")))


async def _renew(
    tls: Tls | None, files: TlsConfig | None, in_use: ssl.SSLContext | None
) -> None:
    """New connections get the certificate that is in the files now."""
    known = in_use
    while tls and files and in_use:
        await asyncio.sleep(RENEW_S)
        if (newest := tls.context()) is known:
            continue
        try:
            # Never asks for a password at the terminal, as in tls.py.
            in_use.load_cert_chain(files.certificate, files.key, password="")
            if files.client_ca:  # those of before are trusted until a restart
                in_use.load_verify_locations(files.client_ca)
        except OSError as error:  # they have changed once more since they were read
            log.warning("TLS certificates will be read again: %s", error)
        else:
            known = newest


async def _end_of_input() -> bytes:
    """What was said on it."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer
    )
    return await reader.read()


def _clear(upstream: Path) -> None:
    """The socket that the server answered at, and its folder."""
    with suppress(OSError):
        upstream.unlink(missing_ok=True)
        upstream.parent.rmdir()
