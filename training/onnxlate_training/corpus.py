"""Parallel text: reading it, leaving out what would do harm, and saying so."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onnxlate.errors import CorpusError
from onnxlate.parallel_text import read_lines as read_lines
from onnxlate.parallel_text import read_parallel
from onnxlate.text import Tokenizer

from .recipe import DataConfig, FilterConfig

Ids = npt.NDArray[np.int32]
Pair = tuple[str, str]


def read_pairs(source: Path, target: Path) -> list[Pair]:
    """Raises CorpusError where a file is empty or the line counts differ."""
    return list(zip(*read_parallel(source, target), strict=True))


def training_pairs(data: DataConfig) -> list[Pair]:
    """All files' pairs, one file after another; raises CorpusError."""
    files = zip(data.train_source, data.train_target, strict=True)
    return [
        pair
        for source, target in files
        for pair in read_pairs(data.folder / source, data.folder / target)
    ]


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


def clean(
    pairs: Iterable[Pair], config: FilterConfig
) -> tuple[list[Pair], Counter[str]]:
    """Strips white space and drops what is visibly no pair: kept, and why not."""
    kept: list[Pair] = []
    dropped: Counter[str] = Counter()
    seen: set[Pair] = set()
    for source, target in pairs:
        pair = (source.strip(), target.strip())
        if not all(pair):
            dropped["with an empty side"] += 1
        elif config.deduplicate and pair in seen:
            dropped["seen before"] += 1
        elif config.drop_copies and pair[0] == pair[1]:
            dropped["with target equal to source"] += 1
        else:
            kept.append(pair)
            if config.deduplicate:
                seen.add(pair)
    return kept, dropped


def tokenize(
    pairs: Iterable[Pair],
    source_tokenizer: Tokenizer,
    target_tokenizer: Tokenizer,
    config: FilterConfig,
) -> tuple[list[Example], Counter[str]]:
    """The pairs that stay, as ids, and what was dropped for its length."""
    examples: list[Example] = []
    dropped: Counter[str] = Counter()
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
            examples.append(Example(np.array(one, np.int32), np.array(other, np.int32)))
    return examples, dropped
