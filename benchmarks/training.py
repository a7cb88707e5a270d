"""Our trainer beside other toolkits': target tokens a second, and losses.

Each has a process of its own, starts from the same weights, and learns the same batches
in the same order; they take turns of some updates each.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnxlate.errors import ServerFailure
from onnxlate_training.corpus import Pair

from .figures import TrainingCell
from .remembered import SweepWhen, remembered
from .side_by_side import in_turn
from .stats import median
from .timing_models import Notice
from .trainer_process import TrainerProcess
from .trainer_settings import (
    JoeyNMTTrainerSettings,
    OursTrainerSettings,
    Task,
    TheirTrainerSettings,
    Trained,
    TrainingPrecision,
    TransformersTrainerSettings,
)
from .training_task import make_task

WARM_UP_UPDATES = 3
"""The first ones make room, and contain what a trainer does before it begins."""

TRIED_UPDATES = 4
"""To see how long they take."""

MIN_UPDATES = 2
"""In a round, however long it takes."""


@dataclass(frozen=True)
class TrainingSuite:
    """What the benchmark is told."""

    pairs: Sequence[Pair]
    cache: Path
    models: tuple[str, ...]
    precisions: tuple[TrainingPrecision, ...]
    dropouts: tuple[float, ...]
    threads: int
    max_tokens: int
    """Padded tokens of a batch's longer side."""

    rounds: int
    round_seconds: float
    sweep: SweepWhen
    sweep_seconds: float
    joeynmt: str | None
    """The Python of an environment that has it."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class TrainingCase:
    model: str
    precision: TrainingPrecision
    dropout: float
    task: Task


def training(suite: TrainingSuite) -> Iterator[TrainingCell]:
    for model in suite.models:
        for dropout in suite.dropouts:
            task = make_task(model, suite.pairs, dropout, suite.max_tokens, suite.cache)
            for precision in suite.precisions:
                case = TrainingCase(model, precision, dropout, task)
                for settings in _peers(suite, case):
                    yield measure(suite, case, settings)


def measure(
    suite: TrainingSuite, case: TrainingCase, settings: TheirTrainerSettings
) -> TrainingCell:
    our_settings = OursTrainerSettings(threads=suite.threads, precision=case.precision)
    with (
        TrainerProcess(case.task, our_settings) as ours,
        TrainerProcess(case.task, settings) as theirs,
    ):
        trainers = (ours, theirs)
        before = WARM_UP_UPDATES + TRIED_UPDATES
        seconds = [_warmed_up(each) for each in trainers]
        updates = _updates_that_take(suite.round_seconds, max(seconds))
        our_rounds, their_rounds = in_turn(
            trainers, lambda each: each.train(updates), suite.rounds
        )
    _check_that_batches_agree(our_rounds, their_rounds)
    our_speeds = [each.speed for each in our_rounds]
    their_speeds = [each.speed for each in their_rounds]
    return TrainingCell(
        model=case.model,
        precision=case.precision,
        peer=settings.trainer,
        dropout=case.dropout,
        ours=median(our_speeds),
        theirs=median(their_speeds),
        ratio=median(our_speeds) / median(their_speeds),
        updates=before + updates * suite.rounds,
        tokens=sum(each.tokens for each in our_rounds),
        our_loss=_mean(our_rounds[-1].losses),
        their_loss=_mean(their_rounds[-1].losses),
        our_rounds=our_speeds,
        their_rounds=their_speeds,
        our_cores=median([each.cores for each in our_rounds]),
        their_cores=median([each.cores for each in their_rounds]),
        our_memory=our_rounds[-1].memory,
        their_memory=their_rounds[-1].memory,
        our_settings=our_settings,
        their_settings=settings,
    )


def _peers(suite: TrainingSuite, case: TrainingCase) -> Iterator[TheirTrainerSettings]:
    yield _best_transformers(suite, case)
    if suite.joeynmt and case.precision == "fp32":
        yield JoeyNMTTrainerSettings(python=suite.joeynmt, threads=suite.threads)


def _best_transformers(
    suite: TrainingSuite, case: TrainingCase
) -> TransformersTrainerSettings:
    first = TransformersTrainerSettings(threads=suite.threads, precision=case.precision)

    def found() -> TransformersTrainerSettings:
        # The same updates for each, so that seconds compare.
        updates = _updates_that_take(
            suite.sweep_seconds, _in_own_process(case.task, first, _warmed_up)
        )

        def cost(settings: TransformersTrainerSettings) -> float:
            def timed(trainer: TrainerProcess) -> float:
                trainer.train(WARM_UP_UPDATES)
                return trainer.train(updates).seconds

            return _in_own_process(case.task, settings, timed)

        best = _quickest(first, cost)
        suite.notice(f"{name}: found the best settings")
        return best

    name = (
        f"training, {case.model}, {case.precision}, dropout {case.dropout:g}, "
        f"{suite.max_tokens} tokens, {suite.threads} threads, transformers"
    )
    return remembered(suite.cache, suite.sweep, name, first, found)


def _quickest(
    first: TransformersTrainerSettings,
    cost: Callable[[TransformersTrainerSettings], float],
) -> TransformersTrainerSettings:
    """One thing after the other, each with the best of those before."""
    best, least = first, cost(first)
    variants: list[tuple[str, list[Any]]] = [
        ("attention", ["eager"]),
        ("threads", [1] if first.threads > 1 else []),
        # Where bf16 is asked for it may be slower, with all that is converted.
        ("precision", ["fp32"] if first.precision == "bf16" else []),
    ]
    for name, values in variants:
        for value in values:
            settings = best.model_copy(update={name: value})
            if (seconds := cost(settings)) < least:
                best, least = settings, seconds
    return best


def _in_own_process(
    task: Task,
    settings: TransformersTrainerSettings,
    work: Callable[[TrainerProcess], float],
) -> float:
    with TrainerProcess(task, settings) as trainer:
        return work(trainer)


def _warmed_up(trainer: TrainerProcess) -> float:
    """What an update takes, in seconds."""
    trainer.train(WARM_UP_UPDATES)
    return trainer.train(TRIED_UPDATES).seconds / TRIED_UPDATES


def _updates_that_take(seconds: float, seconds_each: float) -> int:
    return max(MIN_UPDATES, round(seconds / seconds_each))


def _check_that_batches_agree(
    ours: Sequence[Trained], theirs: Sequence[Trained]
) -> None:
    """Raises ServerFailure if the two have not counted the same tokens."""
    counts = [[each.tokens for each in rounds] for rounds in (ours, theirs)]
    if counts[0] != counts[1]:
        raise ServerFailure(f"the trainers learnt unlike batches, of {counts} tokens")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
