"""A server of either kind, as a child that is stopped by the number it was given."""

import os
import re
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from queue import Empty, Queue
from threading import Thread
from types import TracebackType
from typing import Self

from onnxlate.errors import ServerFailure

from .process_memory import memory
from .settings import Memory
from .worker_process import ROOT

_READY = re.compile(r"\bready (?P<address>\S+:\d+)\s*$")

READY_S, STOP_S = 120.0, 20.0


class ServerProcess:
    """Says "ready HOST:PORT" when it is, and ends on SIGTERM."""

    address: str
    startup_seconds: float

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = environment
        self._last_lines: deque[str] = deque(maxlen=20)
        self._addresses: Queue[str | None] = Queue()

    @property
    def memory(self) -> Memory:
        return memory(self._process.pid)

    def __enter__(self) -> Self:
        """Raises ServerFailure if it does not become ready."""
        started = time.perf_counter()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self._environment},
            cwd=ROOT,
        )
        # Somebody must read to the end, or the server would stop at a full pipe.
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.address = self._wait()
        except BaseException:
            self._stop()
            raise
        self.startup_seconds = time.perf_counter() - started
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def _wait(self) -> str:
        try:
            address = self._addresses.get(timeout=READY_S)
        except Empty:
            address = None
        if address is None:
            words = " / ".join(self._last_lines) or "it said nothing"
            raise ServerFailure(f"the server did not start: {words}")
        return address

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._last_lines.append(line.rstrip())
            if match := _READY.search(line):
                self._addresses.put(match["address"])
        self._addresses.put(None)

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()
