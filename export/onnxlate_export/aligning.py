"""Chooses the attention heads that tell best which words belong together.

There is no need of anybody's alignments: numbers, names and signs that stand in both
texts, once in each, belong together, and every model has a head that looks from the
one to the other. What is chosen is the head that does it most often, or the mean of
those that do, if that does it more often still (docs/alignment.md tells how well that
generalises).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from onnxlate.alignment import Floats, between_words, told
from onnxlate.bundle import AlignmentInfo, AttentionHead, Precision
from onnxlate.text import Tokenizer
from onnxlate.words import Word, words_of
from onnxlate_training.checkpoint import LoadedModel

from .attention_gate import AttentionSessions, Seen, pass_attention_gate
from .gate import Progress, Sample, Verdict

FEWEST = 30
"""Copied words from which on a choice is better founded than none."""

Step = Literal["scored", "fed"]
STEPS: tuple[Step, ...] = ("scored", "fed")


def look(
    loaded: LoadedModel,
    sessions: AttentionSessions,
    precision: Precision,
    sample: Sample,
    verdict: Verdict,
    on_progress: Progress,
) -> tuple[Seen, AlignmentInfo]:
    """Where the translations of the gate look, and what that tells.

    Raises ExportError if that is not where they look in PyTorch.
    """
    # The beginning is fed too, and positions end at the limit.
    most = loaded.max_target_tokens - 1
    targets = [each.tokens[:most] for each in verdict.translations]
    pairs = list(zip(sample.sources, targets, strict=True))
    seen = pass_attention_gate(loaded.model, sessions, precision, pairs, on_progress)
    source, target = loaded.read_tokenizers()
    sentences = [
        read((source, ids), (target, said), attention)
        for (ids, said), attention in zip(pairs, seen.attention, strict=True)
    ]
    return seen, choose_heads(sentences)


@dataclass(frozen=True)
class Read:
    """A sentence and its translation in words, and what was looked at."""

    source: list[Word]
    target: list[Word]
    copied: list[tuple[int, int]]
    """Which word of the source is which of the target."""
    attention: Floats
    """(L, H, T + 1, S)."""


def read(
    source: tuple[Tokenizer, Sequence[int]],
    target: tuple[Tokenizer, Sequence[int]],
    attention: Floats,
) -> Read:
    """Each side's tokenizer and ids."""
    texts, words = [], []
    for tokenizer, ids in (source, target):
        text, spans = tokenizer.decode_with_spans(ids)
        words.append(words_of(text, spans))
        texts.append([each.span.of(text) for each in words[-1]])
    return Read(words[0], words[1], list(copied_words(*texts)), attention)


def choose_heads(sentences: Sequence[Read]) -> AlignmentInfo:
    """So many of the best heads, at the better step, that their mean links most copied
    words to themselves; of equals the fewest. Where there are too few words to tell,
    all heads' mean."""
    num_layers, num_heads = sentences[0].attention.shape[:2]
    heads = [
        AttentionHead(layer=layer, head=head)
        for layer in range(num_layers)
        for head in range(num_heads)
    ]
    if sum(len(each.copied) for each in sentences) < FEWEST:
        return _info(heads, "scored", sentences)
    found = []
    for step in STEPS:
        alone = [_info([head], step, sentences) for head in heads]
        alone.sort(key=lambda each: -each.copied_linked)
        ranked = [head for each in alone for head in each.heads]
        found.append(alone[0])
        found += [
            _info(ranked[:number], step, sentences)
            for number in range(2, len(ranked) + 1)
        ]
    return max(found, key=lambda each: each.copied_linked)


def _info(
    heads: Sequence[AttentionHead], step: Step, sentences: Sequence[Read]
) -> AlignmentInfo:
    """What these heads are worth."""
    chosen = AlignmentInfo(
        heads=tuple(heads), step=step, copied_words=0, copied_linked=0
    )
    return chosen.model_copy(
        update={
            "copied_words": sum(len(each.copied) for each in sentences),
            "copied_linked": sum(_num_linked(each, chosen) for each in sentences),
        }
    )


def _num_linked(sentence: Read, info: AlignmentInfo) -> int:
    """How many copied words look most at themselves."""
    if not sentence.copied:
        return 0
    looked = told(sentence.attention, info)
    found = between_words(looked, sentence.source, sentence.target).argmax(axis=1)
    return sum(int(found[t]) == s for s, t in sentence.copied)


def copied_words(source: list[str], target: list[str]) -> Iterator[tuple[int, int]]:
    once = [
        {word for word, count in Counter(words).items() if count == 1}
        for words in (source, target)
    ]
    for word in sorted(once[0] & once[1]):
        yield source.index(word), target.index(word)
