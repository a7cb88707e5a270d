"""Which settings a peer is quickest with, for each cell of a table its own.

Not every combination: threads and number type first, then batches with the best of
those, then the libraries that multiply, then the call. Each setting gets a process of
its own, a warm-up and a short round.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from onnxlate_serving.cpus import available_cpus

from .settings import CTranslate2Settings, Job, MarianSettings, OursSettings
from .timing_models import Precision
from .worker_process import WorkerProcess

THREADS = ((2, 1), (1, 2), (1, 1))
"""Batches at once, and threads in each."""

COMPUTE_TYPES: dict[Precision, tuple[str, ...]] = {
    "fp32": ("float32",),
    "int8": ("int8", "int8_float32"),
    "fp16": ("float16",),
}

EXAMPLES, TOKENS = (16, 32, 64), (1024, 2048, 4096)
GPU_EXAMPLES, GPU_TOKENS = (128, 512), (16_384,)
GPU_STREAMS = (1, 2, 4)

GPU_ROWS = (512, 2048)
"""Of ours; on a CPU few are best, and a server's default is that."""

SENTENCES = (32, 64, 128, 256)
"""In one call of Marian's, which costs the same Python for each step."""

HOPELESS = 1.3
"""Times the least cost so far."""

Cost = Callable[[WorkerProcess], float]
"""How long a worker takes for what is wanted; less is better."""


S = TypeVar("S", CTranslate2Settings, MarianSettings, OursSettings)

Stage = Callable[[S, Precision], Iterator[S]]
"""What to try next, given the best so far."""


def best_settings(
    first: S, stages: Sequence[Stage[S]], precision: Precision, job: Job, cost: Cost
) -> S:
    """The settings with the least cost."""
    best = first
    least = float("inf")
    for stage in stages:
        for settings in stage(best, precision):
            if settings == best and least < float("inf"):
                continue
            costs = _measured(settings, job, cost, least)
            if costs < least:
                best, least = settings, costs
    return best


def ctranslate2_stages(cost: Cost, forced: bool) -> list[Stage[CTranslate2Settings]]:
    if cost is latency:  # one sentence is one batch, however it is called
        return [thread_settings, _libraries]
    if forced:  # translate_iterable would end one length before the next
        return [thread_settings, _batches, _libraries]
    return [thread_settings, _batches, _libraries, _calls]


def ctranslate2_gpu_stages(
    cost: Cost, forced: bool
) -> list[Stage[CTranslate2Settings]]:
    """There, threads are streams of kernels side by side."""
    if cost is latency:
        return []
    return [_gpu_streams, _gpu_batches, *([] if forced else [_calls])]


def marian_stages(cost: Cost) -> list[Stage[MarianSettings]]:
    if cost is latency:
        return [_marian_threads]
    return [_marian_threads, _marian_batches]


def throughput(worker: WorkerProcess) -> float:
    return worker.round().seconds


def latency(worker: WorkerProcess) -> float:
    return sum(worker.latencies().seconds)


def _measured(settings: S, job: Job, cost: Cost, least: float) -> float:
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


def _gpu_streams(
    settings: CTranslate2Settings, precision: Precision
) -> Iterator[CTranslate2Settings]:
    for streams in GPU_STREAMS:
        yield settings.model_copy(
            update={"inter_threads": streams, "max_batch_size": GPU_EXAMPLES[0]}
        )


def _gpu_batches(
    settings: CTranslate2Settings, precision: Precision
) -> Iterator[CTranslate2Settings]:
    return _of_sizes(settings, GPU_EXAMPLES, GPU_TOKENS)


def our_gpu_rows(
    settings: OursSettings, precision: Precision
) -> Iterator[OursSettings]:
    for rows in GPU_ROWS:
        yield settings.model_copy(update={"max_rows": rows})


def _batches(
    settings: CTranslate2Settings, precision: Precision
) -> Iterator[CTranslate2Settings]:
    return _of_sizes(settings, EXAMPLES, TOKENS)


def _of_sizes(
    settings: CTranslate2Settings, examples: Sequence[int], tokens: Sequence[int]
) -> Iterator[CTranslate2Settings]:
    for batch_type, sizes in (("examples", examples), ("tokens", tokens)):
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


def _marian_threads(
    settings: MarianSettings, precision: Precision
) -> Iterator[MarianSettings]:
    for threads in sorted({1, available_cpus()}, reverse=True):
        yield settings.model_copy(update={"threads": threads})


def _marian_batches(
    settings: MarianSettings, precision: Precision
) -> Iterator[MarianSettings]:
    for size in SENTENCES:
        yield settings.model_copy(update={"max_batch_size": size})
