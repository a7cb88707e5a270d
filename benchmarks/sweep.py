"""Which settings CTranslate2 is quickest with, for each cell of a table its own.

Not every combination: threads and number type first, then batches with the best of
those, then the libraries that multiply, then the call. Each setting gets a process of
its own, a warm-up and a short round.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from onnxlate_serving.cpus import available_cpus

from .settings import CTranslate2Settings, Job
from .timing_models import Precision
from .worker_process import WorkerProcess

THREADS = ((2, 1), (1, 2), (1, 1))
"""Batches at once, and threads in each."""

COMPUTE_TYPES: dict[Precision, tuple[str, ...]] = {
    "fp32": ("float32",),
    "int8": ("int8", "int8_float32"),
}

EXAMPLES, TOKENS = (16, 32, 64), (1024, 2048, 4096)

HOPELESS = 1.3
"""Times the least cost so far."""

Cost = Callable[[WorkerProcess], float]
"""How long a worker takes for what is wanted; less is better."""


def best_settings(
    model: Path, precision: Precision, job: Job, cost: Cost
) -> CTranslate2Settings:
    """The settings with the least cost."""
    stages = [thread_settings, _batches, _libraries, _calls]
    if cost is latency:  # one sentence is one batch, however it is called
        stages = [thread_settings, _libraries]
    elif job.forced:  # translate_iterable would end one length before the next
        stages = [thread_settings, _batches, _libraries]
    best = CTranslate2Settings(model=model)
    least = float("inf")
    for stage in stages:
        for settings in stage(best, precision):
            if settings == best and least < float("inf"):
                continue
            costs = _measured(settings, job, cost, least)
            if costs < least:
                best, least = settings, costs
    return best


def throughput(worker: WorkerProcess) -> float:
    return worker.round().seconds


def latency(worker: WorkerProcess) -> float:
    return sum(worker.latencies().seconds)


def _measured(
    settings: CTranslate2Settings, job: Job, cost: Cost, least: float
) -> float:
    with WorkerProcess(settings) as worker:
        worker.prepare(job.first(8))
        cost(worker)  # the first one makes room, and does not count
        worker.prepare(job)
        first = cost(worker)
        # A second chance for what may have been disturbed; the others are out.
        return first if first > HOPELESS * least else min(first, cost(worker))


def thread_settings(
    settings: CTranslate2Settings, precision: Precision
) -> Iterator[CTranslate2Settings]:
    cpus = available_cpus()
    for inter_threads, intra_threads in THREADS:
        for compute_type in COMPUTE_TYPES[precision]:
            if inter_threads * intra_threads <= cpus:
                yield settings.model_copy(
                    update={
                        "inter_threads": inter_threads,
                        "intra_threads": intra_threads,
                        "compute_type": compute_type,
                    }
                )


def _batches(
    settings: CTranslate2Settings, precision: Precision
) -> Iterator[CTranslate2Settings]:
    for batch_type, sizes in (("examples", EXAMPLES), ("tokens", TOKENS)):
        for size in sizes:
            yield settings.model_copy(
                update={"batch_type": batch_type, "max_batch_size": size}
            )


def _libraries(
    settings: CTranslate2Settings, precision: Precision
) -> Iterator[CTranslate2Settings]:
    for packed in (False, True):
        yield settings.model_copy(update={"use_mkl": True, "packed_gemm": packed})
    yield settings.model_copy(update={"use_mkl": False})


def _calls(
    settings: CTranslate2Settings, precision: Precision
) -> Iterator[CTranslate2Settings]:
    yield settings.model_copy(update={"call": "iterable"})
