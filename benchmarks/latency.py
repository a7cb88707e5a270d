"""One sentence at a time: how long somebody waits who is alone."""

from collections.abc import Iterator, Sequence

from .figures import LatencyCell, num_equal, search_name
from .peers import Aim, peers
from .settings import Job, TheirSettings
from .side_by_side import in_turn
from .stats import median, percentile
from .suite import Case, Suite
from .sweep import latency as total_latency
from .worker_process import WorkerProcess
from .workload import job_of

NUM_TRIED = 8

MAX_SENTENCES = 300


def latency(suite: Suite) -> Iterator[LatencyCell]:
    for case in suite.cases():
        for settings in peers(suite, case, AIM):
            yield measure(suite, case, settings)


def tried(suite: Suite, case: Case, worker: WorkerProcess) -> Job:
    return _job(suite, case, suite.sweep_seconds, [worker])


AIM = Aim("latency", total_latency, tried)


def measure(suite: Suite, case: Case, settings: TheirSettings) -> LatencyCell:
    our_settings = suite.ours_for(case.model, case.precision)
    with (
        WorkerProcess(our_settings) as ours,
        WorkerProcess(settings) as theirs,
    ):
        workers = (ours, theirs)
        job = _job(suite, case, suite.round_seconds, workers)
        for worker in workers:
            worker.prepare(job)
        rounds = in_turn(workers, WorkerProcess.latencies, suite.rounds)
        equal = num_equal(ours.targets(), theirs.targets())
    our_ms, their_ms = (
        [1000 * seconds for each in theirs for seconds in each.seconds]
        for theirs in rounds
    )
    return LatencyCell(
        model=case.model.name,
        precision=case.precision,
        search=search_name(case.beam_size),
        batch=1,
        peer=settings.engine,
        ours=median(our_ms),
        theirs=median(their_ms),
        ratio=median(their_ms) / median(our_ms),
        sentences=len(job.sources),
        equal=equal,
        our_p99=percentile(our_ms, 99),
        their_p99=percentile(their_ms, 99),
        our_settings=our_settings,
        their_settings=settings,
    )


def _job(
    suite: Suite, case: Case, seconds: float, workers: Sequence[WorkerProcess]
) -> Job:
    """As many sentences as the slowest worker translates in that time."""
    sources = suite.sources(case.model)
    tried = job_of(case.model, sources[:NUM_TRIED], case.beam_size)
    took = 0.0
    for worker in workers:
        worker.prepare(tried)
        worker.latencies()  # the first ones make room, and do not count
        took = max(took, sum(worker.latencies().seconds))
    count = int(len(tried.sources) * seconds / took)
    count = min(max(count, NUM_TRIED), MAX_SENTENCES)
    return job_of(case.model, sources[:count], case.beam_size)
