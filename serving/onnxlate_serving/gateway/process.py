"""The gateway as its server sees it: a child that is kept alive, and ends with it."""

import asyncio
import importlib.util
import logging
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from onnxlate.errors import ConfigError, ServerFailure

from ..address import Address
from ..config import ServerConfig
from .config import GatewayConfig

log = logging.getLogger(__name__)

NEEDED = ("py3langid", "python_multipart", "starlette", "uvicorn")

READY = b"ready\n"

STOP = b"stop\n"
"""Said before its input ends, unless the server was killed."""

START_S = 60.0
"""For a child to load and say so."""

STOP_S = 10.0
"""For requests under way, when stopping; then they are cut."""

PAUSES_S = (0.0, 1.0, 5.0, 30.0)
"""Before the first, second, ... new child; one that lived for a minute pardons all."""

PARDON_S = 60.0


def require_installed() -> None:
    """Raises ConfigError if there is nothing to make a gateway of."""
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        raise ConfigError("--web needs pip install 'onnxlate[serve,web]'")


class Gateway:
    """A socket that listens, and a child process that answers there."""

    def __init__(self, config: ServerConfig, address: Address) -> None:
        """Listens at once, so that the port is ours; raises ConfigError."""
        # Nobody else on this machine can look into it, and so none can connect.
        self._folder = _folder()
        try:
            self._socket = _listening(address)
        except ConfigError:
            self._folder.cleanup()
            raise
        self.address = Address(address.host, self._socket.getsockname()[1])
        self.scheme = "https" if config.tls else "http"
        self.upstream = f"unix:{Path(self._folder.name) / 'server'}"
        """Where gRPC has to answer too."""
        self._told = GatewayConfig(
            upstream=self.upstream,
            socket=self._socket.fileno(),
            tls=config.tls,
            origins=config.web_origins,
            key_required=config.tokens is not None,
            max_text_bytes=config.limits.max_text_bytes,
            log_format=config.log_format,
            log_level=config.log_level,
        )
        self._child: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.address}/"

    @property
    def pid(self) -> int | None:
        """Of the child, while there is one."""
        return self._child.pid if self._child else None

    async def start(self) -> None:
        """Returns when it answers; raises ServerFailure if it does not come to that."""
        self._child = await self._spawned()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        if self._keeper:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        if self._child:
            await _ended(self._child)
        self._socket.close()
        self._folder.cleanup()

    async def _keep(self) -> None:
        """Starts another one whenever it has died."""
        loop, deaths = asyncio.get_running_loop(), 0
        while True:
            born = loop.time()
            if self._child:
                status = await self._child.wait()
                log.error("the web gateway ended with %d; starting another", status)
            deaths = 0 if loop.time() - born > PARDON_S else deaths + 1
            self._child = None
            await asyncio.sleep(PAUSES_S[min(deaths, len(PAUSES_S) - 1)])
            try:
                self._child = await self._spawned()
            except (OSError, ServerFailure) as error:
                log.error("no web gateway: %s", error)

    async def _spawned(self) -> asyncio.subprocess.Process:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "onnxlate_serving.gateway"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[self._socket.fileno()],
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert child.stdin and child.stdout
        try:
            child.stdin.write(self._told.model_dump_json().encode() + b"\n")
            async with asyncio.timeout(START_S):
                said = await child.stdout.readline()
        except (OSError, TimeoutError):
            said = b""
        except asyncio.CancelledError:
            await _ended(child)
            raise
        if said != READY:
            await _ended(child)
            raise ServerFailure("the web gateway did not start; its log says why")
        return child


async def _ended(child: asyncio.subprocess.Process) -> None:
    """The end of its input tells it to stop, and it is killed if it does not."""
    if child.stdin:
        child.stdin.write(STOP)
        child.stdin.close()
    try:
        await asyncio.wait_for(child.wait(), STOP_S + 1)
    except TimeoutError:
        log.warning("the web gateway took too long to stop")
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def _folder() -> "TemporaryDirectory[str]":
    try:
        return TemporaryDirectory(prefix="onnxlate-")
    except OSError as cause:
        raise ConfigError(
            f"--web needs a folder for a socket, and none can be made: "
            f"{cause.strerror}; set TMPDIR to a folder that can be written"
        ) from cause


def _listening(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server(
            (address.host, address.port), family=family, backlog=128
        )
    except OSError as cause:
        raise ConfigError(f"cannot listen on {address}: {cause.strerror}") from cause
