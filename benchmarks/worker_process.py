"""The other end of worker.py: starts the process, and asks."""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from onnxlate.errors import ServerFailure

from .settings import (
    Command,
    Job,
    Latencies,
    Memory,
    Open,
    Prepare,
    Record,
    Round,
    RunLatencies,
    RunRound,
    Say,
    Settings,
    Targets,
)

ROOT = Path(__file__).parents[1]

STOP_S = 30.0
"""Time for a worker to end by itself once it has nothing more to read."""

R = TypeVar("R", bound=Record)


class WorkerProcess:
    """One engine in a process of its own, for as long as a block of code runs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __enter__(self) -> Self:
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | self.settings.environment,
            cwd=ROOT,
        )
        try:
            self.memory_at_start = self._ask(Open(settings=self.settings), Memory)
        except BaseException:
            self._stop()
            raise
        self.startup_seconds = time.perf_counter() - started
        """From the process's start until its model could translate."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def prepare(self, job: Job) -> None:
        self._ask(Prepare(job=job), Memory)

    def round(self) -> Round:
        return self._ask(RunRound(), Round)

    def latencies(self) -> Latencies:
        return self._ask(RunLatencies(), Latencies)

    def targets(self) -> list[list[int]]:
        return self._ask(Say(), Targets).tokens

    def _ask(self, command: Command, kind: type[R]) -> R:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin and stdout
        try:
            stdin.write(command.model_dump_json() + "\n")
            stdin.flush()
        except BrokenPipeError:  # it has died, and the empty answer says so
            pass
        line = stdout.readline()
        if not line:
            raise ServerFailure(
                f"the worker with {self.settings.engine} has died at "
                f"{command.do!r}; its last words are above"
            )
        return kind.model_validate_json(line)

    def _stop(self) -> None:
        try:
            self._process.communicate(timeout=STOP_S)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self._process.kill()
            self._process.communicate()
