"""A server as its users have it: a process that says when it is ready."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

COMMAND = (sys.executable, "-m", "onnxlate_serving")
READY = re.compile(r"ready (\S+:\d+)$", re.MULTILINE)
METRICS = re.compile(r"metrics at (https?://\S+)/metrics$", re.MULTILINE)
READY_IN_JSON = re.compile(r'"ready (\S+:\d+)"')


class ServerProcess:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.log = ""
        """What it has written so far."""

    def wait_ready(
        self, seconds: float = 30, pattern: "re.Pattern[str]" = READY
    ) -> str:
        """Its address."""
        deadline = time.monotonic() + seconds
        while not (found := pattern.search(self.log)):
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"not ready; it said:\n{self.log}")
        return found[1]

    def news(self) -> str:
        """All of it so far, without waiting for more."""
        while self._read(0.01):
            pass
        return self.log

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self) -> int:
        """Asks it to end; its exit status."""
        self.send(signal.SIGTERM)
        return self.wait()

    def resident_bytes(self) -> int:
        """Memory that it holds now."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        [kilobytes] = re.findall(r"VmRSS:\s+(\d+) kB", status)
        return int(kilobytes) * 1024

    def wait(self, seconds: float = 30) -> int:
        """Its exit status."""
        rest, _ = self._process.communicate(timeout=seconds)
        self.log += rest
        return self._process.returncode

    def _read(self, seconds: float) -> bool:
        assert self._process.stdout
        descriptor = self._process.stdout.fileno()
        if seconds <= 0 or not select.select([descriptor], [], [], seconds)[0]:
            return False
        text = os.read(descriptor, 65536).decode()
        self.log += text
        return bool(text)


@contextmanager
def server_process(
    *arguments: str | Path,
    command: Sequence[str] = COMMAND,
    stderr: IO[str] | int = subprocess.STDOUT,
) -> Iterator[ServerProcess]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=environment,
    ) as process:
        try:
            yield ServerProcess(process)
        finally:
            process.kill()
