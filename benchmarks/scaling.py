"""What a token costs as batches, sources, beams and vocabularies grow; and memory.

We and CTranslate2 in turn, in one thread each, so that what is varied is all that
differs: sentences of random tokens, all equally long, whose targets are forced to one
length.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from onnxlate.text import EOS_ID

from .analysis_cells import FootprintCell, ScalingCell, Varied
from .figures import search_name
from .footprint import footprint
from .offline import AIM
from .pair import Pair, Room, opened_pair
from .peers import best_ctranslate2
from .settings import CTranslate2Settings, Job
from .side_by_side import in_turn
from .stats import median
from .suite import Case, Suite
from .timing_models import RANDOM_MODELS, RandomModel, TimingModel, random_model
from .worker_process import WorkerProcess

TARGET_TOKENS = 32

FIRST_ORDINARY_ID = 4
"""What is below has a meaning of its own."""

SHARE = 1 / 20
"""Of a round's seconds, for each turn: there are a dozen points in a table."""


@dataclass(frozen=True, slots=True)
class Axes:
    """Which values are tried of what is varied."""

    batches: tuple[int, ...] = (1, 4, 16, 64)
    source_lengths: tuple[int, ...] = (8, 32, 128)
    beam_sizes: tuple[int, ...] = (1, 2, 5, 10)
    vocabularies: tuple[int, ...] = (2_000, 10_000, 32_000)
    """Of models with random weights; a trained one has the one it has."""


@dataclass(frozen=True, slots=True)
class Point:
    """A batch. Where nothing is varied, it is one of ordinary sentences."""

    varied: Varied
    value: int
    batch: int = 16
    source_tokens: int = 32
    beam_size: int = 1


AXES = Axes()


def scaling(suite: Suite, axes: Axes = AXES) -> Iterator[ScalingCell | FootprintCell]:
    for model in suite.models():
        for precision in suite.precisions:
            case = Case(model, precision, beam_size=1)
            peer = best_ctranslate2(suite, case, AIM)
            yield from _with_one_model(suite, case, peer, axes)
            for size in axes.vocabularies if model.name in RANDOM_MODELS else ():
                yield _with_vocabulary(suite, case, peer, size)


def _with_one_model(
    suite: Suite, case: Case, peer: CTranslate2Settings, axes: Axes
) -> Iterator[ScalingCell | FootprintCell]:
    points = _points(axes, case.model.max_tokens)
    room = Room(
        sentences=max(each.batch for each in points),
        rows=max(each.batch * each.beam_size for each in points),
    )
    with opened_pair(suite, peer, case.model, case.precision, room) as pair:
        for point in points:
            yield _measured(suite, pair, point)
        yield footprint(pair, suite.rounds)


def _with_vocabulary(
    suite: Suite, case: Case, peer: CTranslate2Settings, size: int
) -> ScalingCell:
    """The same model with another table of words, and CTranslate2 set up the same."""
    name = case.model.name
    model = random_model(
        name,
        RandomModel(RANDOM_MODELS[name].size, size),
        suite.texts,
        suite.cache,
        suite.precisions,
        suite.notice,
    )
    point = Point("vocabulary", size)
    room = Room(sentences=point.batch, rows=point.batch)
    with opened_pair(suite, peer, model, case.precision, room) as pair:
        return _measured(suite, pair, point)


def _points(axes: Axes, max_tokens: int) -> list[Point]:
    """All but the vocabularies, which are models of their own."""
    return [
        *(Point("batch", size, batch=size) for size in axes.batches),
        *(
            Point("source tokens", length, source_tokens=length)
            for length in axes.source_lengths
            if length <= max_tokens
        ),
        *(Point("beam size", size, beam_size=size) for size in axes.beam_sizes),
    ]


def _measured(suite: Suite, pair: Pair, point: Point) -> ScalingCell:
    job = _job(pair.model, point)
    for worker in pair.workers:
        worker.prepare(job)
        worker.round()  # the first one makes room, and does not count
    turn_seconds = suite.round_seconds * SHARE
    turns = in_turn(
        pair.workers, lambda worker: _typical(worker, turn_seconds), suite.rounds
    )
    ours, theirs = map(median, turns)
    num_tokens = sum(job.forced)
    return ScalingCell(
        model=pair.model.name,
        precision=pair.precision,
        search=search_name(point.beam_size),
        batch=point.batch,
        ours=num_tokens / ours,
        theirs=num_tokens / theirs,
        ratio=theirs / ours,
        varied=point.varied,
        value=point.value,
        source_tokens=point.source_tokens,
        vocabulary=len(pair.model.tokenizer),
        our_ms=1000 * ours / job.forced[0],
        their_ms=1000 * theirs / job.forced[0],
        our_settings=pair.our_settings,
        their_settings=pair.their_settings,
    )


def _typical(worker: WorkerProcess, seconds: float) -> float:
    """Seconds for the batch, which may be so short that it is done many times."""
    took = [worker.round().seconds]
    while sum(took) < seconds:
        took.append(worker.round().seconds)
    return median(took)


def _job(model: TimingModel, point: Point) -> Job:
    """Equally long sentences of random tokens; the same ones each time."""
    draw = random.Random(1)
    ordinary_ids = range(FIRST_ORDINARY_ID, len(model.tokenizer))
    sources = [
        [*draw.choices(ordinary_ids, k=point.source_tokens - 1), EOS_ID]
        for _ in range(point.batch)
    ]
    length = min(TARGET_TOKENS, model.max_tokens)
    return Job(
        sources=sources, forced=[length] * point.batch, beam_size=point.beam_size
    )
