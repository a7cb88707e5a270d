"""A whole text at once: tokens a second."""

from collections.abc import Iterator, Sequence

from .figures import OfflineCell, num_equal, search_name, share_alike
from .peers import Aim, best_ours, peers
from .settings import Job, Round, TheirSettings
from .side_by_side import MIN_ON_GPU, MIN_SENTENCES, in_turn, job_that_takes
from .stats import median
from .suite import Case, Suite
from .sweep import throughput
from .worker_process import WorkerProcess


def offline(suite: Suite) -> Iterator[OfflineCell]:
    for case in suite.cases():
        for settings in peers(suite, case, AIM):
            yield measure(suite, case, settings)


def tried(suite: Suite, case: Case, worker: WorkerProcess) -> Job:
    sources = suite.sources(case.model)
    return job_that_takes(
        suite.sweep_seconds,
        *(case.model, sources, case.beam_size, [worker]),
        least=_least(suite),
    )


AIM = Aim("offline", throughput, tried)


def measure(suite: Suite, case: Case, settings: TheirSettings) -> OfflineCell:
    our_settings = best_ours(suite, case, AIM)
    with (
        WorkerProcess(our_settings) as ours,
        WorkerProcess(settings) as theirs,
    ):
        workers = (ours, theirs)
        sources = suite.sources(case.model)
        job = job_that_takes(
            suite.round_seconds,
            *(case.model, sources, case.beam_size, workers),
            least=_least(suite),
        )
        for worker in workers:
            worker.prepare(job)
        our_rounds, their_rounds = in_turn(workers, WorkerProcess.round, suite.rounds)
        targets = ours.targets(), theirs.targets()
    our_speeds, their_speeds = _speeds(our_rounds), _speeds(their_rounds)
    return OfflineCell(
        model=case.model.name,
        precision=case.precision,
        search=search_name(case.beam_size),
        peer=settings.engine,
        ours=median(our_speeds),
        theirs=median(their_speeds),
        ratio=median(our_speeds) / median(their_speeds),
        sentences=len(job.sources),
        tokens=our_rounds[0].tokens,
        equal=num_equal(*targets),
        alike=share_alike(*targets),
        our_rounds=our_speeds,
        their_rounds=their_speeds,
        our_cores=_cores(our_rounds),
        their_cores=_cores(their_rounds),
        our_memory=our_rounds[-1].memory,
        their_memory=their_rounds[-1].memory,
        our_settings=our_settings,
        their_settings=settings,
    )


def _least(suite: Suite) -> int:
    return MIN_SENTENCES if suite.ours.device == "cpu" else MIN_ON_GPU


def _speeds(rounds: Sequence[Round]) -> list[float]:
    return [each.tokens / each.seconds for each in rounds]


def _cores(rounds: Sequence[Round]) -> float:
    return median([each.cpu_seconds / each.seconds for each in rounds])
