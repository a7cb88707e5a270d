"""The other end of worker.py: starts the process, and asks."""

import sys
import time

from .line_process import LineProcess
from .settings import (
    Job,
    Latencies,
    Memory,
    Open,
    Prepare,
    Round,
    RunLatencies,
    RunRound,
    Say,
    Settings,
    Targets,
)


class WorkerProcess(LineProcess):
    """One engine in a process of its own, for as long as a block of code runs."""

    def __init__(self, settings: Settings) -> None:
        command = [sys.executable, "-m", "benchmarks.worker"]
        super().__init__(settings.engine, command, settings.environment)
        self.settings = settings

    def opened(self) -> None:
        self.memory_at_start = self.ask(Open(settings=self.settings), Memory)
        self.startup_seconds = time.perf_counter() - self.started
        """From the process's start until its model could translate."""

    def prepare(self, job: Job) -> None:
        self.ask(Prepare(job=job), Memory)

    def round(self) -> Round:
        return self.ask(RunRound(), Round)

    def latencies(self) -> Latencies:
        return self.ask(RunLatencies(), Latencies)

    def targets(self) -> list[list[int]]:
        return self.ask(Say(), Targets).tokens
