"""A process with one engine in it, told what to do line by line.

    python -m benchmarks.worker

Two engines in one process spoil each other's caches and threads, so each has its own.
Commands come as lines of JSON on stdin and each is answered with one on stdout. Between
two commands the process sleeps in a read.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import TextIO

from pydantic import TypeAdapter

from .engine import Engine
from .process_memory import memory
from .settings import (
    Command,
    CTranslate2Settings,
    HuggingFaceSettings,
    Job,
    Latencies,
    MarianSettings,
    Open,
    OursSettings,
    Prepare,
    Record,
    Round,
    RunLatencies,
    RunRound,
    Say,
    Settings,
    Targets,
)

COMMAND: TypeAdapter[Command] = TypeAdapter(Command)


class Worker:
    """Obeys commands."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._job = Job(sources=[])

    def obey(self, command: Command) -> Record:
        if isinstance(command, Open):
            self._engine = open_engine(command.settings)
            return memory()
        assert self._engine, "open comes first"
        match command:
            case Prepare(job=job):
                self._job = job
                self._engine.prepare(job)
                return memory()
            case RunRound():
                return self._round(self._engine)
            case RunLatencies():
                return self._latencies(self._engine)
            case Say():
                return Targets(tokens=self._engine.targets())

    def close(self) -> None:
        if self._engine:
            self._engine.close()

    def _round(self, engine: Engine) -> Round:
        cpu = time.process_time()
        seconds = _timed(engine.translate)
        return Round(
            seconds=seconds,
            cpu_seconds=time.process_time() - cpu,
            tokens=self._job.num_tokens(engine.targets()),
            memory=memory(),
        )

    def _latencies(self, engine: Engine) -> Latencies:
        cpu = time.process_time()
        seconds = [
            _timed(lambda index=index: engine.translate_one(index))  # type: ignore[misc]
            for index in range(len(self._job.sources))
        ]
        return Latencies(
            seconds=seconds,
            cpu_seconds=time.process_time() - cpu,
            tokens=self._job.num_tokens(engine.targets()),
        )


def open_engine(settings: Settings) -> Engine:
    """Imports what it needs and no more, for start-up time and memory are measured."""
    if isinstance(settings, OursSettings):
        from .ours import Ours

        return Ours(settings)
    if isinstance(settings, CTranslate2Settings):
        from .ctranslate2_engine import CTranslate2

        return CTranslate2(settings)
    if isinstance(settings, HuggingFaceSettings):
        from .huggingface_engine import HuggingFace

        return HuggingFace(settings)
    if isinstance(settings, MarianSettings):
        from .marian_engine import Marian

        return Marian(settings)
    from .pytorch_engine import PyTorch

    return PyTorch(settings)


def main() -> None:
    replies = own_stdout()
    worker = Worker()
    for line in sys.stdin:
        reply = worker.obey(COMMAND.validate_json(line))
        replies.write(reply.model_dump_json() + "\n")
        replies.flush()
    worker.close()


def own_stdout() -> TextIO:
    """Standard output for us alone; what a library prints there goes to stderr."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return replies


def _timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
