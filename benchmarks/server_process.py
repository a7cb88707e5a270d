"""A server of either kind, and what it takes to start and to run."""

import time
from collections.abc import Mapping, Sequence
from typing import Self

from onnxlate import local_server

from .line_process import ROOT
from .process_memory import memory
from .settings import Memory


class ServerProcess(local_server.ServerProcess):
    """Stopped by the number it was given."""

    startup_seconds: float

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        super().__init__(command, environment, ROOT)

    @property
    def memory(self) -> Memory:
        return memory(self.pid)

    def __enter__(self) -> Self:
        """Raises ServerFailure if it does not become ready."""
        started = time.perf_counter()
        super().__enter__()
        self.startup_seconds = time.perf_counter() - started
        return self
