"""Whom we are compared with, each as it is quickest."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from onnxlate_serving.cpus import available_cpus

from .settings import (
    CTranslate2Settings,
    Job,
    MarianSettings,
    OursSettings,
    PyTorchSettings,
    TheirSettings,
)
from .suite import Case, Suite
from .sweep import (
    COMPUTE_TYPES,
    Cost,
    S,
    Stage,
    best_settings,
    ctranslate2_gpu_stages,
    ctranslate2_stages,
    marian_stages,
    our_gpu_rows,
)
from .worker_process import WorkerProcess


@dataclass(frozen=True, slots=True)
class Aim:
    """What settings are to be best at."""

    benchmark: str
    cost: Cost
    job: Callable[[Suite, Case, WorkerProcess], Job]
    """What to try them with."""


def peers(suite: Suite, case: Case, aim: Aim) -> Iterator[TheirSettings]:
    """Settings of each that was asked for; on PyTorch there is fp32 only."""
    for peer in suite.peers:
        match peer:
            case "ctranslate2":
                yield best_ctranslate2(suite, case, aim)
            case "pytorch" if case.precision == "fp32":
                yield PyTorchSettings(model=case.model.folder, threads=available_cpus())
            case "marian" if case.precision == "fp32":
                first = MarianSettings(
                    model=case.model.folder, threads=available_cpus()
                )
                yield _best(suite, case, aim, first, marian_stages(aim.cost))


def best_ctranslate2(suite: Suite, case: Case, aim: Aim) -> CTranslate2Settings:
    first = CTranslate2Settings(model=case.model.ctranslate2(case.precision))
    stages = ctranslate2_stages(aim.cost, case.model.forced)
    if suite.ours.device == "cuda":
        on_gpu = {"device": "cuda", "compute_type": COMPUTE_TYPES[case.precision][0]}
        first = first.model_copy(update=on_gpu)
        stages = ctranslate2_gpu_stages(aim.cost, case.model.forced)
    return _best(suite, case, aim, first, stages)


def best_ours(suite: Suite, case: Case, aim: Aim) -> OursSettings:
    """As a server sets itself up; on a GPU, with as many rows as are best."""
    first = suite.ours_for(case.model, case.precision)
    if first.device == "cpu" or first.max_rows:
        return first
    return _best(suite, case, aim, first, [our_gpu_rows])


def _best(
    suite: Suite, case: Case, aim: Aim, first: S, stages: Sequence[Stage[S]]
) -> S:
    """Looked for, or remembered."""

    def found() -> S:
        with WorkerProcess(first) as worker:
            job = aim.job(suite, case, worker)
        return best_settings(first, stages, case.precision, job, aim.cost)

    name = f"{aim.benchmark}, {case.name}, {first.engine}"
    kept = suite.kept(name, first, found)
    return kept.model_copy(update={"model": first.model})
