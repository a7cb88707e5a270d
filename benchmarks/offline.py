"""A whole text at once: tokens a second."""

from collections.abc import Iterator, Sequence

from onnxlate_serving.cpus import available_cpus

from .figures import OfflineCell, TheirSettings, num_equal, search_name
from .settings import CTranslate2Settings, PyTorchSettings, Round
from .side_by_side import in_turn, job_that_takes
from .stats import median
from .suite import Case, Suite
from .sweep import best_settings, throughput
from .worker_process import WorkerProcess


def offline(suite: Suite) -> Iterator[OfflineCell]:
    for case in suite.cases():
        for settings in peers(suite, case):
            yield measure(suite, case, settings)


def peers(suite: Suite, case: Case) -> Iterator[TheirSettings]:
    """Each at its best; PyTorch is asked in fp32 only, which is what it has."""
    if "ctranslate2" in suite.peers:
        yield best(suite, case)
    if "pytorch" in suite.peers and case.precision == "fp32":
        yield PyTorchSettings(model=case.model.folder, threads=available_cpus())


def best(suite: Suite, case: Case) -> CTranslate2Settings:
    """CTranslate2 as it is quickest, looked for or remembered."""
    first = CTranslate2Settings(model=case.model.ctranslate2(case.precision))
    found = suite.kept(f"offline, {case.name}", first, lambda: swept(suite, case))
    return found.at(first.model)


def swept(suite: Suite, case: Case) -> CTranslate2Settings:
    path = case.model.ctranslate2(case.precision)
    sources = suite.sources(case.model)
    with WorkerProcess(CTranslate2Settings(model=path)) as worker:
        job = job_that_takes(
            suite.sweep_seconds, case.model, sources, case.beam_size, [worker]
        )
    return best_settings(path, case.precision, job, throughput)


def measure(suite: Suite, case: Case, settings: TheirSettings) -> OfflineCell:
    our_settings = suite.ours_for(case.model, case.precision)
    with (
        WorkerProcess(our_settings) as ours,
        WorkerProcess(settings) as theirs,
    ):
        workers = (ours, theirs)
        sources = suite.sources(case.model)
        job = job_that_takes(
            suite.round_seconds, case.model, sources, case.beam_size, workers
        )
        for worker in workers:
            worker.prepare(job)
        our_rounds, their_rounds = in_turn(workers, WorkerProcess.round, suite.rounds)
        equal = num_equal(ours.targets(), theirs.targets())
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
        equal=equal,
        our_rounds=our_speeds,
        their_rounds=their_speeds,
        our_cores=_cores(our_rounds),
        their_cores=_cores(their_rounds),
        our_memory=our_rounds[-1].memory,
        their_memory=their_rounds[-1].memory,
        our_settings=our_settings,
        their_settings=settings,
    )


def _speeds(rounds: Sequence[Round]) -> list[float]:
    return [each.tokens / each.seconds for each in rounds]


def _cores(rounds: Sequence[Round]) -> float:
    return median([each.cpu_seconds / each.seconds for each in rounds])
