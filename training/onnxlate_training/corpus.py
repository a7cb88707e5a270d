"""Parallel text: reading it, leaving out what would do harm, and saying so."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onnxlate.errors import CorpusError
from onnxlate.parallel_text import read_lines as read_lines
from onnxlate.text import Tokenizer

from .recipe import DataConfig, FilterConfig

Ids = npt.NDArray[np.int32]
Pair = tuple[str, str]

REPEATED = "seen before"
"""Why a pair is dropped that others equal."""


def parallel(source: Path, target: Path) -> Iterator[Pair]:
    """Pairs of lines, one at a time.

    Raises CorpusError, at the end, where a file is empty or the line counts differ.
    """
    counts, has_text = [0, 0], [False, False]
    for pair in itertools.zip_longest(read_lines(source), read_lines(target)):
        for side, line in enumerate(pair):
            counts[side] += line is not None
            has_text[side] = has_text[side] or bool(line and line.strip())
        if None not in pair:
            yield pair
    for path, has in zip((source, target), has_text, strict=True):
        if not has:
            raise CorpusError(f"{path} has no text")
    if counts[0] != counts[1]:
        raise CorpusError(
            f"{source} has {counts[0]} lines and {target} {counts[1]}; "
            "line n of one must translate line n of the other"
        )


def read_pairs(source: Path, target: Path) -> list[Pair]:
    """Raises CorpusError where a file is empty or the line counts differ."""
    return list(parallel(source, target))


def training_files(data: DataConfig) -> Iterator[tuple[Path, Path]]:
    files = zip(data.train_source, data.train_target, strict=True)
    return ((data.folder / one, data.folder / other) for one, other in files)


def training_pairs(data: DataConfig) -> Iterator[Pair]:
    """All files' pairs, one file after another; raises CorpusError on the way."""
    for source, target in training_files(data):
        yield from parallel(source, target)


def validation_pairs(data: DataConfig) -> list[Pair]:
    """Pairs with text on both sides; raises CorpusError if there is none."""
    source, target = data.folder / data.valid_source, data.folder / data.valid_target
    pairs = read_pairs(source, target)
    kept = [(s.strip(), t.strip()) for s, t in pairs if s.strip() and t.strip()]
    if not kept:
        raise CorpusError(f"no line has text in both {source} and {target}")
    return kept


@dataclass(frozen=True, slots=True)
class Example:
    source: Ids
    """Token ids with the end-of-sentence id behind."""
    target: Ids
    """The same; the decoder is fed the begin token and these, one behind."""


@dataclass(frozen=True)
class CleaningReport:
    """What became of the training pairs."""

    read: int
    kept: int
    dropped: dict[str, int]
    """Reason -> pairs."""
    source_tokens: int
    target_tokens: int
    added: dict[str, int] = field(default_factory=dict)
    """Kind -> pairs made on top; those too long were dropped again."""

    def __str__(self) -> str:
        reasons = ", ".join(f"{count:,} {why}" for why, count in self.dropped.items())
        tokens = f"{self.source_tokens:,} source and {self.target_tokens:,} target"
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.added.items())
        made = f" and {kinds} made" if kinds else ""
        return (
            f"{self.kept:,} of {self.read:,} pairs{made} kept ({tokens} tokens); "
            f"dropped: {reasons or 'none'}"
        )


def cleaned(
    pairs: Iterable[Pair], config: FilterConfig, dropped: Counter[str]
) -> Iterator[Pair]:
    """Strips white space and drops what is visibly no pair, and counts it.

    What was there before is not looked for: that takes all the others.
    """
    for source, target in pairs:
        pair = (source.strip(), target.strip())
        if not all(pair):
            dropped["with an empty side"] += 1
        elif config.drop_copies and pair[0] == pair[1]:
            dropped["with target equal to source"] += 1
        else:
            yield pair


def clean(
    pairs: Iterable[Pair], config: FilterConfig
) -> tuple[list[Pair], Counter[str]]:
    """What stays of pairs that fit into memory, and why the others do not."""
    dropped: Counter[str] = Counter()
    kept = list(cleaned(pairs, config, dropped))
    if config.deduplicate:
        several, kept = len(kept), list(dict.fromkeys(kept))
        dropped[REPEATED] += several - len(kept)
    return kept, +dropped


def tokenized(
    pairs: Iterable[Pair],
    source_tokenizer: Tokenizer,
    target_tokenizer: Tokenizer,
    config: FilterConfig,
    dropped: Counter[str],
) -> Iterator[Example]:
    """The pairs that stay, as ids; counts what is dropped for its length."""
    for pair in pairs:
        one, other = source_tokenizer.encode(pair[0]), target_tokenizer.encode(pair[1])
        shorter, longer = sorted((len(one), len(other)))
        if not shorter:  # text such as zero-width spaces has no tokens
            dropped["with an empty side"] += 1
        elif longer > config.max_tokens:
            dropped[f"longer than {config.max_tokens} tokens"] += 1
        elif longer > config.max_ratio * shorter + 10:
            dropped[f"of lengths over {config.max_ratio:g} to 1"] += 1
        else:
            yield Example(np.array(one, np.int32), np.array(other, np.int32))


def tokenize(
    pairs: Iterable[Pair],
    source_tokenizer: Tokenizer,
    target_tokenizer: Tokenizer,
    config: FilterConfig,
) -> tuple[list[Example], Counter[str]]:
    """`tokenized` of pairs that fit into memory, and what was dropped."""
    dropped: Counter[str] = Counter()
    found = tokenized(pairs, source_tokenizer, target_tokenizer, config, dropped)
    return list(found), dropped
