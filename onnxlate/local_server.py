"""A server of one's own, for as long as a block of code runs."""

import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from types import TracebackType
from typing import Self

from .errors import ServerFailure

_READY = re.compile(r"\bready (?P<address>\S+:\d+)\s*$")

STOP_S = 20.0
"""Time for a server to finish what it is doing before it is killed."""


class ServerProcess:
    """A child that says "ready HOST:PORT" when it is, and ends on SIGTERM."""

    address: str
    """HOST:PORT, known once entered."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        ready_within_s: float = 120.0,
    ) -> None:
        """`environment` is added to this process's; it runs in `folder`, or here."""
        self._command = command
        self._environment = environment or {}
        self._folder = folder
        self._ready_within_s = ready_within_s
        self._last_lines: deque[str] = deque(maxlen=20)
        self._news: Queue[str | None] = Queue()

    def __enter__(self) -> Self:
        """Raises ServerFailure, with the server's own last words, if it cannot."""
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**_inherited(), "PYTHONUNBUFFERED": "1", **self._environment},
            cwd=self._folder,
        )
        # Somebody must read to the end, or the server would stop at a full pipe.
        self._reader = Thread(target=self._read, daemon=True, name="server-output")
        self._reader.start()
        try:
            self.address = self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Asks it to drain and end; kills it if it does not."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()

    def _wait(self) -> str:
        try:
            address = self._news.get(timeout=self._ready_within_s)
        except Empty:
            address = None
        if address is None:
            raise ServerFailure(f"the server did not start: {self._last_words()}")
        return address

    def _last_words(self) -> str:
        """Its own error, or all it said at last."""
        for line in reversed(self._last_lines):
            if line.startswith("error: "):
                return line.removeprefix("error: ")
        return " / ".join(self._last_lines) or "it said nothing"

    def _read(self) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            self._last_lines.append(line)
            if match := _READY.search(line):
                self._news.put(match["address"])
        self._news.put(None)


def _inherited() -> dict[str, str]:
    """What is set for a server that people run is not for one of our own."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ONNXLATE_SERVE_")
    }


class LocalServer(ServerProcess):
    """A child process that serves on a free port of the loopback interface.

    with LocalServer(Path("bundles/en-de")) as server:
        Client(server.address)
    """

    def __init__(self, bundle: Path | None, ready_within_s: float = 120.0) -> None:
        """Without a bundle it serves the default model."""
        bundles = [] if bundle is None else [str(bundle)]
        command = [sys.executable, "-m", "onnxlate_serving", *bundles]
        command += ["--listen", "127.0.0.1:0"]
        super().__init__(command, ready_within_s=ready_within_s)
