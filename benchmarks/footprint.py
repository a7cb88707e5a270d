"""What a process needs: memory, and time to start. A part of `scaling`."""

from collections.abc import Iterator

from .analysis_cells import FootprintCell
from .pair import Pair
from .stats import median
from .worker_process import WorkerProcess

MAX_STARTS = 3


def footprint(pair: Pair, num_rounds: int) -> FootprintCell:
    """Of workers that have all their work behind them, so that they have grown."""
    ours, theirs = (worker.round().memory for worker in pair.workers)
    our_startup_s, their_startup_s = (
        median([worker.startup_seconds, *_more_starts(worker, num_rounds)])
        for worker in pair.workers
    )
    return FootprintCell(
        model=pair.model.name,
        precision=pair.precision,
        search="all",
        ours=ours.resident,
        theirs=theirs.resident,
        ratio=theirs.resident / ours.resident if ours.resident else None,
        our_memory=ours,
        their_memory=theirs,
        our_memory_at_start=pair.ours.memory_at_start,
        their_memory_at_start=pair.theirs.memory_at_start,
        our_startup_s=our_startup_s,
        their_startup_s=their_startup_s,
        our_settings=pair.our_settings,
        their_settings=pair.their_settings,
    )


def _more_starts(worker: WorkerProcess, num_rounds: int) -> Iterator[float]:
    for _ in range(min(num_rounds, MAX_STARTS) - 1):
        with WorkerProcess(worker.settings) as another:
            yield another.startup_seconds
