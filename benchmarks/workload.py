"""What is translated: which sentences, and how long their targets have to be."""

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from onnxlate.errors import ConfigError
from onnxlate.parallel_text import read_text

from .sentences import sentences
from .settings import Job
from .timing_models import TimingModel

ROUNDING = 8
"""Forced target lengths are multiples of this."""

GROUP = 32
"""CTranslate2 forces one length on a whole batch, so there are as many sentences of
each length as make whole batches, while there are enough."""

NUM_GENERATED = 2_000

MAX_TARGET_TOKENS = 256


def texts_of(path: Path | None) -> list[str]:
    """The lines that have something on them; number words without a file."""
    if path is None:
        return sentences(NUM_GENERATED)
    return [line for line in read_text(path) if line.strip()]


def forced_length(num_source_tokens: int) -> int:
    """About as long as the source, in steps."""
    return -(-num_source_tokens // ROUNDING) * ROUNDING


def readable(model: TimingModel, texts: Sequence[str]) -> list[str]:
    """The texts that the model can read; raises ConfigError if there are none.

    In a random order that is always the same, so that any first part of them is a
    sample of all.
    """
    fitting = [
        text
        for text in texts
        if 1 < len(model.tokenizer.encode(text)) <= model.max_tokens
    ]
    if not fitting:
        raise ConfigError("there is no sentence that the model can read")
    random.Random(1).shuffle(fitting)
    return fitting


def job_of(model: TimingModel, sources: Sequence[list[int]], beam_size: int) -> Job:
    """The sources to be translated, with lengths forced where the model needs it."""
    return Job(
        sources=list(sources),
        forced=[forced_length(len(each)) for each in sources] if model.forced else [],
        beam_size=beam_size,
        max_target_tokens=min(MAX_TARGET_TOKENS, model.max_tokens),
    )


def in_whole_groups(sources: Sequence[list[int]]) -> list[list[int]]:
    """GROUP sources of one forced length after the other, each length as often as
    there are such sentences; those that make no whole group stand at the end."""
    by_length: dict[int, list[list[int]]] = defaultdict(list)
    for source in sources:
        by_length[forced_length(len(source))].append(source)
    whole: list[list[list[int]]] = []
    rest: list[list[list[int]]] = []
    for alike in by_length.values():
        for at in range(0, len(alike), GROUP):
            group = alike[at : at + GROUP]
            (whole if len(group) == GROUP else rest).append(group)
    random.Random(1).shuffle(whole)
    return [source for group in [*whole, *rest] for source in group]
