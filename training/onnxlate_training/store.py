"""The training examples on disk, and the part of them that an epoch has at hand.

An epoch goes through a corpus window by window. A window is put together from blocks of
neighbours drawn from all over the corpus, other ones in every epoch, so that what
comes in one batch is as mixed as if all were in memory, and a disk is read in pieces of
some size. A corpus no larger than a window is one.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onnxlate.text import Tokenizer

from .corpus import Example
from .cutting import MAX_WORDS, Cuts, Words
from .draws import Purpose, generator
from .ragged import CHUNK, Ragged, Shelf, ShelfWriter

SIDES = ("source", "target")

IDS = "<i4"

BLOCKS = 256
"""In a window."""


@dataclass(frozen=True)
class Counts:
    examples: int
    source_tokens: int
    target_tokens: int


def write_examples(
    folder: Path,
    examples: Iterable[Example],
    tokenizers: Sequence[Tokenizer],
    dropout: float,
    seed: int,
) -> Counts:
    """Writes what Store reads, into an existing folder."""
    number, tokens = 0, [0, 0]
    words = [Words(tokenizer, MAX_WORDS) for tokenizer in tokenizers]
    with ExitStack() as stack:
        files = [stack.enter_context(ShelfWriter(folder / s, IDS)) for s in SIDES]
        for chunk in _chunks(examples):
            number += len(chunk)
            sides = [each.source for each in chunk], [each.target for each in chunk]
            for side, texts in enumerate(sides):
                tokens[side] += sum(map(len, texts))
                numbered = words[side].numbered if dropout else Ragged.of
                files[side].add(numbered(texts))
    if dropout:
        random = generator(seed, Purpose.CUTS)
        for name, of_side, tokenizer in zip(SIDES, words, tokenizers, strict=True):
            cuts = Cuts.drawn(of_side.different, tokenizer, dropout, random)
            cuts.write(folder / name)
    return Counts(number, *tokens)


class Store:
    """Examples on disk."""

    def __init__(
        self, folder: Path, window: int, dropout: float, max_tokens: int, seed: int
    ) -> None:
        """Raises TrainingError if files are missing or damaged.

        `window` is in examples; `max_tokens` bounds what `dropout` makes of a side.
        """
        self._shelves = [Shelf(folder / side, IDS) for side in SIDES]
        self._cuts = [Cuts.read(folder / side) for side in SIDES] if dropout else []
        self._block = max(1, window // BLOCKS)
        self._max_tokens = max_tokens
        self._seed = seed
        self.num_windows = -(-len(self) // window)

    def __len__(self) -> int:
        return len(self._shelves[0])

    def window(self, epoch: int, number: int) -> tuple[Ragged, Ragged]:
        """Sources and targets of an epoch's window, in ids."""
        runs = [
            slice(block * self._block, (block + 1) * self._block)
            for block in self._blocks(epoch)[number].tolist()
        ]
        for shelf in self._shelves:
            shelf.forget()
        source, target = (shelf.take(runs) for shelf in self._shelves)
        if self._cuts:
            # The first window's draws are those of a corpus that is one window.
            place = (epoch, number) if number else (epoch,)
            random = generator(self._seed, Purpose.CHOICE_OF_CUTS, *place)
            of_source, of_target = self._cuts
            source = of_source.draw(source, random, self._max_tokens)
            target = of_target.draw(target, random, self._max_tokens)
        return source, target

    def _blocks(self, epoch: int) -> list[npt.NDArray[np.int64]]:
        """The numbers of each window's blocks."""
        blocks = np.arange(-(-len(self) // self._block))
        if self.num_windows > 1:
            random = generator(self._seed, Purpose.WINDOWS, epoch)
            blocks = random.permutation(blocks)
        return [np.sort(each) for each in np.array_split(blocks, self.num_windows)]


def _chunks(examples: Iterable[Example]) -> Iterator[list[Example]]:
    rest = iter(examples)
    while chunk := list(itertools.islice(rest, CHUNK)):
        yield chunk
