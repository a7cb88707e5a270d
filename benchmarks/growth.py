"""What a process holds while it translates a great many sentences of all lengths."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from onnxlate.bundle import Bundle
from onnxlate.text import EOS_ID, Tokenizer
from onnxlate_serving.server import default_bundle

from . import options
from .endurance.target import require_flat, show
from .settings import Job, OursSettings
from .worker_process import WorkerProcess
from .workload import forced_length, texts_of

ROUNDS = 25

BEAMS = (1, 1, 1, 4)
"""Of the parts of a round, after each of which there is a look at the memory."""

LONG = 0.03
"""Share of those that are several sentences in one."""

WARM_UP = 0.1
"""Share of the rounds after which nothing may grow any more."""


def growth(
    bundle: options.Bundle = None,
    text: options.Text = None,
    sentences: Annotated[int, typer.Option(min=ROUNDS * len(BEAMS))] = 50_000,
    seed: Annotated[int, typer.Option(help="Of what is random.")] = 1,
    json_file: options.Json = None,
) -> None:
    """Sentences cut anywhere, some very long, by greedy search and beams in turn: what
    is resident must stay what it is after the first tenth."""
    opened = Bundle.open(bundle or default_bundle())
    part = sentences // (ROUNDS * len(BEAMS))
    looks = list(_resident(opened, texts_of(text), part, seed))
    first = int(len(looks) * WARM_UP)
    require_flat([looks[first], looks[-1]])
    figures = {
        "sentences": len(looks) * part * len(BEAMS),
        "resident_mb_after_a_tenth": looks[first],
        "resident_mb_in_the_middle": looks[len(looks) // 2],
        "resident_mb_at_most": max(looks),
        "resident_mb_at_the_end": looks[-1],
    }
    show("growth", figures, json_file)


def _resident(
    bundle: Bundle, texts: Sequence[str], part: int, seed: int
) -> Iterator[float]:
    """The most megabytes after any part of each round of them."""
    draw = Random(seed)
    tokenizer = Tokenizer(bundle.source_tokenizer)
    known = [tokenizer.encode(each)[:-1] for each in texts]
    longest = bundle.manifest.limits.max_source_tokens
    most = bundle.manifest.limits.max_target_tokens
    with WorkerProcess(OursSettings(model=Path(bundle.path).resolve())) as worker:
        for _ in range(ROUNDS):
            looks = []
            for beam_size in BEAMS:
                sources = [_cut(known, draw, longest) for _ in range(part)]
                forced = [min(most, forced_length(len(each))) for each in sources]
                worker.prepare(Job(sources=sources, forced=forced, beam_size=beam_size))
                looks.append(worker.round().memory.resident)
            yield round(max(looks) / 1e6, 1)


def _cut(known: Sequence[list[int]], draw: Random, longest: int) -> list[int]:
    """Tokens of a part of a sentence, or of several of them in a row."""
    count = draw.randint(2, 8) if draw.random() < LONG else 1
    tokens = [token for _ in range(count) for token in draw.choice(known)]
    length = draw.randint(1, min(len(tokens), longest - 1))
    return [*tokens[:length], EOS_ID]
