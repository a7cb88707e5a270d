"""Two engines, each in its process, asked in turn."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from .settings import Job
from .timing_models import TimingModel
from .worker_process import WorkerProcess
from .workload import GROUP, in_whole_groups, job_of

QUIET_S = 0.3
"""Before the other one's turn: OpenMP's threads spin for up to 0.2 s after work."""

MIN_SENTENCES = 64
"""In a round, however long it takes: fewer are no batches."""

MIN_ON_GPU = 1024
"""There, what is a batch on a CPU leaves most of it idle."""

T = TypeVar("T")
W = TypeVar("W")


def in_turn(
    workers: Sequence[W],
    work: Callable[[W], T],
    num_rounds: int,
) -> list[list[T]]:
    """What came of the work, by worker; one and the other in turn, so that whatever
    slows the machine down for a while meets both."""
    results: list[list[T]] = [[] for _ in workers]
    for _ in range(num_rounds):
        for worker, theirs in zip(workers, results, strict=True):
            time.sleep(QUIET_S)
            theirs.append(work(worker))
    return results


def job_that_takes(
    seconds: float,
    model: TimingModel,
    sources: Sequence[list[int]],
    beam_size: int,
    workers: Sequence[WorkerProcess],
    least: int = MIN_SENTENCES,
) -> Job:
    """As many of the sources as the slowest of the workers translates in that time,
    and not fewer than the `least`."""
    if model.forced:
        sources = in_whole_groups(sources)
    tried = job_of(model, sources[:least], beam_size)
    took = max(_seconds_for(tried, worker) for worker in workers)
    count = int(len(tried.sources) * seconds / took)
    count -= count % GROUP
    return job_of(model, sources[: max(count, least)], beam_size)


def _seconds_for(job: Job, worker: WorkerProcess) -> float:
    worker.prepare(job.first(8))
    worker.round()  # the first one makes room, and does not count
    worker.prepare(job)
    return worker.round().seconds
