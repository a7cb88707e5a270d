"""How well a bundle's attention tells which words belong together.

Reads references as if they were its translations, and compares its links with those
that both directions of a statistical aligner are sure of (silver.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from onnxlate.alignment import between_words, linked, told
from onnxlate.answer import AlignmentLink, Span
from onnxlate.bundle import AlignmentInfo, AttentionHead, Bundle
from onnxlate.errors import BundleError
from onnxlate.parallel_text import read_parallel
from onnxlate.text import BOS_ID, Tokenizer
from onnxlate.words import words_of
from onnxlate_export.aligning import STEPS, Read, copied_words
from onnxlate_export.attention_gate import AttentionSessions
from onnxlate_export.stepper import open_session
from onnxlate_training.decode import pad

from .silver import Links, silver_links, words

Case = tuple[Read, list[tuple[Span, Span]]]
"""A sentence, and which of its parts belong together."""


def alignment(
    bundle: Annotated[Path, typer.Argument(help="With an attention graph.")],
    text: Annotated[Path, typer.Option(help="Sentences to align,")],
    reference: Annotated[Path, typer.Option(help="and their translations.")],
    source: Annotated[Path, typer.Option(help="Sentences to learn from,")],
    target: Annotated[Path, typer.Option(help="and their translations.")],
) -> None:
    """How well a bundle tells which words belong together."""
    opened = Bundle.open(bundle)
    if opened.manifest.attention is None:
        raise BundleError(f"{bundle} has no attention graph; export it again")
    pairs = list(zip(*read_parallel(text, reference), strict=True))
    learnt = list(zip(*read_parallel(source, target), strict=True))
    silver = silver_links(pairs + learnt, len(pairs))
    sentences = [
        (read, _spans(links, *pair))
        for read, links, pair in zip(_read(opened, pairs), silver, pairs, strict=True)
    ]
    table = Table("aligned by", "copied words", "silver links")
    for name, info in _candidates(opened, opened.manifest.attention.alignment):
        copied, right = _best(sentences, info)
        table.add_row(name, f"{copied:.3f}", f"{right:.3f}")
    console = Console()
    console.print(table)
    chosen = opened.manifest.attention.alignment
    score = _links(sentences, chosen)
    console.print(
        f"its links: {score.precision:.3f} of them right, {score.recall:.3f} of the "
        f"silver ones found, {score.unlinked:.3f} of the words without any"
    )


def _read(bundle: Bundle, pairs: Iterable[tuple[str, str]]) -> Iterable[Read]:
    assert bundle.attention
    sessions = AttentionSessions(
        open_session(bundle.encoder, 1), open_session(bundle.attention, 1)
    )
    source = Tokenizer(bundle.source_tokenizer)
    target = Tokenizer(bundle.target_tokenizer)
    for text, translation in pairs:
        ids, spans = source.encode_with_spans(text)
        said, ends = target.encode_with_spans(translation)
        fed, _ = pad([[BOS_ID, *said[:-1]]])
        sides = words_of(text, spans[:-1]), words_of(translation, ends[:-1])
        copied = copied_words(
            [each.span.of(text) for each in sides[0]],
            [each.span.of(translation) for each in sides[1]],
        )
        yield Read(*sides, list(copied), sessions.look(pad([ids]), fed)[0])


def _candidates(
    bundle: Bundle, chosen: AlignmentInfo
) -> Iterable[tuple[str, AlignmentInfo]]:
    """What was chosen, and what one might have chosen unseen."""
    model = bundle.manifest.model
    heads = [
        [AttentionHead(layer=layer, head=head) for head in range(model.heads)]
        for layer in range(model.decoder_layers)
    ]
    yield "the chosen head", chosen
    for step in STEPS:
        unseen = {"all heads": list(chain(*heads)), "the last layer": heads[-1]}
        for name, some in unseen.items():
            update = {"heads": tuple(some), "step": step}
            yield f"{name}, {step}", chosen.model_copy(update=update)


def _best(
    sentences: Sequence[Case],
    info: AlignmentInfo,
) -> tuple[float, float]:
    """How often a target word looks most at its copy, and at its silver link."""
    copied, right = [], []
    for sentence, silver in sentences:
        if not (sentence.source and sentence.target):
            continue
        looked = told(sentence.attention, info)
        most = between_words(looked, sentence.source, sentence.target).argmax(axis=1)
        copied += [most[t] == s for s, t in sentence.copied]
        for one, other in silver:
            right += [
                _touch(sentence.source[most[t]].span, one)
                for t, word in enumerate(sentence.target)
                if _touch(word.span, other)
            ]
    return float(np.mean(copied)), float(np.mean(right))


@dataclass(frozen=True)
class Score:
    precision: float
    """Of links between words that both have silver ones."""
    recall: float
    unlinked: float


def _links(
    sentences: Sequence[Case],
    info: AlignmentInfo,
) -> Score:
    right: list[bool] = []
    found: list[bool] = []
    alone: list[bool] = []
    for sentence, spans in sentences:
        ours = linked(told(sentence.attention, info), sentence.source, sentence.target)
        found += [any(_same(link, each) for link in ours) for each in spans]
        right += [
            any(_same(link, each) for each in spans)
            for link in ours
            if any(_touch(link.source, each) for each, _ in spans)
            and any(_touch(link.target, each) for _, each in spans)
        ]
        targets = {link.target for link in ours}
        alone += [word.span not in targets for word in sentence.target]
    return Score(*(float(np.mean(each)) for each in (right, found, alone)))


def _spans(links: Links, text: str, translation: str) -> list[tuple[Span, Span]]:
    source, target = words(text), words(translation)
    return [(source[s].span, target[t].span) for s, t in sorted(links)]


def _touch(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _same(link: AlignmentLink, spans: tuple[Span, Span]) -> bool:
    return _touch(link.source, spans[0]) and _touch(link.target, spans[1])
