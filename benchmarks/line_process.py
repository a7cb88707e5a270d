"""A process that is told what to do in lines of JSON, and answers in such lines."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from onnxlate.errors import ServerFailure

from .settings import Record

ROOT = Path(__file__).parents[1]

STOP_S = 30.0
"""Time for a process to end by itself once it has nothing more to read."""

R = TypeVar("R", bound=Record)


class LineProcess:
    """It runs for as long as a block of code does."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """`name` is what an error calls it."""
        self._name = name
        self._command = command
        self._environment = environment

    def __enter__(self) -> Self:
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | self._environment,
            cwd=ROOT,
        )
        try:
            self.opened()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def opened(self) -> None:
        """What is to be said first."""

    def ask(self, command: Record, kind: type[R]) -> R:
        """Raises ServerFailure if it has died."""
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
                f"the worker with {self._name} has died at "
                f"{type(command).__name__!r}; its last words are above"
            )
        return kind.model_validate_json(line)

    def _stop(self) -> None:
        try:
            self._process.communicate(timeout=STOP_S)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self._process.kill()
            self._process.communicate()
