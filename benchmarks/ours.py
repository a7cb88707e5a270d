"""Our engine, in this process: tokens in, tokens out.

Built as server.py builds it, and the one place to change when that changes. No result
is cached in here: the rounds of a benchmark repeat their sentences.
"""

import asyncio
import sys
from collections.abc import Sequence

from onnxlate.bundle import Bundle
from onnxlate.search import Hypothesis, SearchOptions
from onnxlate_serving.config import RuntimeConfig, SchedulerConfig
from onnxlate_serving.crew import Crew
from onnxlate_serving.engines import build_engines
from onnxlate_serving.memory import give_large_blocks_back
from onnxlate_serving.request import Request
from onnxlate_serving.sessions import Sessions

from .settings import Job, OursSettings


class Ours:
    def __init__(self, settings: OursSettings) -> None:
        give_large_blocks_back()
        bundle = Bundle.open(settings.model)
        runtime = RuntimeConfig(
            device=settings.device, workers=settings.workers, threads=settings.threads
        )
        scheduler = SchedulerConfig()
        if settings.max_rows:
            scheduler = SchedulerConfig(max_rows=settings.max_rows)
        sessions = Sessions(bundle, runtime)
        self._engines = build_engines(bundle, sessions, scheduler)
        self._crew = Crew(self._engines, sessions.few)
        self._runner = asyncio.Runner()
        self._runner.run(self._start())

    def prepare(self, job: Job) -> None:
        self._texts = [
            (
                tuple(source),
                SearchOptions(longest, job.beam_size, min_target_tokens=least),
            )
            for source, (least, longest) in zip(job.sources, job.limits(), strict=True)
        ]
        self._found: dict[int, Hypothesis] = {}

    def translate(self) -> None:
        self._runner.run(self._translate(range(len(self._texts))))

    def translate_one(self, index: int) -> None:
        self._runner.run(self._translate([index]))

    def targets(self) -> list[list[int]]:
        return [list(self._found[i].tokens) for i in range(len(self._texts))]

    def close(self) -> None:
        self._runner.run(self._stop())
        self._runner.close()

    async def _translate(self, indices: Sequence[int]) -> None:
        # Longest first, so that nobody is alone at the end.
        order = sorted(indices, key=lambda index: -len(self._texts[index][0]))
        requests = [Request(*self._texts[index]) for index in order]
        with self._crew.decoding(requests) as outboxes:
            for index, outbox in zip(order, outboxes, strict=True):
                [self._found[index]] = await outbox.outcome()

    async def _start(self) -> None:
        for engine in self._engines:
            engine.start()

    async def _stop(self) -> None:
        for engine in self._engines:
            await engine.stop()


def server_command(
    settings: OursSettings, program: Sequence[str] = ("onnxlate_serving",)
) -> list[str]:
    """Our server, on a port that the system chooses."""
    command = [sys.executable, "-m", *program, str(settings.model)]
    command += ["--listen", "127.0.0.1:0", "--device", settings.device]
    command += ["--max-cached", "0", "--announce-seconds", "0"]
    if settings.max_rows:
        command += ["--max-rows", str(settings.max_rows)]
    if settings.workers:
        command += ["--workers", str(settings.workers)]
    if settings.threads:
        command += ["--threads", str(settings.threads)]
    return command
