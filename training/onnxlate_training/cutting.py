"""BPE-dropout: words are cut into other tokens at random, anew in every epoch.

Provilkov et al. 2020. SentencePiece can do so itself, but from version 0.2.2 on no seed
makes two processes draw alike, and a run that goes on would not be the run it was. It
never merges across a space, so words can be taken one by one: each is cut in a number
of ways beforehand, and an epoch chooses among them, all words at once. Where nobody
writes spaces a sentence is one word, and has no more ways than another.

A text on disk is words rather than tokens then, each a number: tokens keep theirs, and
the different words have those behind.

Axes: N words of a text with their repetitions, V tokens, W different words, K ways.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxlate.errors import TrainingError
from onnxlate.text import Tokenizer

from .corpus import Ids
from .ragged import CHUNK, Ragged, positions

WAYS = 16
"""K. The usual way is among them as often as chance has it."""

USUAL = WAYS
"""The number of one more way, the tokenizer's own."""

_ARRAYS = ("ids", "starts", "lengths")
"""Of the table of cuts, as its files are called."""

MAX_WORDS = 500_000
"""Different words of a side that are cut anew, the first ones; about 1 kB each. Those
that a larger text has on top of them are rare and are cut as usual."""


def cut(text: str, rank: dict[str, float], dropped: Callable[[], bool]) -> list[str]:
    """The pieces of a word: of neighbours, those with the highest rank merge first.

    `dropped` is asked once of every merge, and says which ones are left out.
    """
    ends = list(range(1, len(text) + 1))  # of the pieces so far
    gone: set[tuple[int, int, int]] = set()
    while True:
        best, at = -np.inf, -1
        start = 0
        for index in range(len(ends) - 1):
            end = ends[index + 1]
            height = rank.get(text[start:end], -np.inf)
            if height > best and (start, ends[index], end) not in gone:
                best, at = height, index
            start = ends[index]
        if at < 0:
            break
        if dropped():
            gone.add((ends[at - 1] if at else 0, ends[at], ends[at + 1]))
        else:
            del ends[at]
    starts = [0, *ends[:-1]]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


class Words:
    """The different words of one side of a corpus, and its texts in numbers of them."""

    def __init__(self, tokenizer: Tokenizer, most: int = MAX_WORDS) -> None:
        self._begins = _begins_word(tokenizer)
        self._vocabulary = len(tokenizer)
        self._most = most
        self._numbers: dict[bytes, int] = {}
        self.different: list[Ids] = []
        """(W,) The ids of each, as usual."""

    def numbered(self, texts: Sequence[Ids]) -> Ragged:
        """Each text as its words' numbers; a word beyond the most is its tokens."""
        lengths = np.array([len(text) for text in texts])
        first_ids = np.cumsum(lengths) - lengths
        ids = np.concatenate(texts)
        begins = self._begins[ids]
        begins[first_ids] = True
        starts = np.flatnonzero(begins)
        ends = [*starts[1:].tolist(), len(ids)]
        numbers = np.array(
            [
                self._number(ids[start:end])
                for start, end in zip(starts.tolist(), ends, strict=True)
            ]
        )
        spelt = numbers < 0  # in tokens
        tokens = ends - starts
        each = np.where(spelt, tokens, 1)
        values = np.repeat(numbers, each)
        values[np.repeat(spelt, each)] = ids[np.repeat(spelt, tokens)]
        first_words = np.searchsorted(starts, first_ids)
        per_text = np.add.reduceat(each, first_words)
        return Ragged(values, np.cumsum(per_text) - per_text, per_text)

    def _number(self, word: Ids) -> int:
        """The word's, a new one if need be; -1 if there are too many."""
        key = word.tobytes()
        number = self._numbers.get(key)
        if number is None:
            if len(self.different) == self._most:
                return -1
            number = self._numbers[key] = self._vocabulary + len(self.different)
            self.different.append(np.frombuffer(key, word.dtype))
        return number


class Cuts:
    """K ways to cut each of W words, and the usual one; of tokens there is that alone.

    A table of V + W rows and K + 1 columns, in three arrays: all cuts' ids, and of each
    where they start and how many there are.
    """

    def __init__(self, ids: Ids, starts: Ids, lengths: npt.NDArray[np.int16]) -> None:
        self._ids = ids
        self._starts = starts
        self._lengths = lengths

    @classmethod
    def drawn(
        cls,
        words: Sequence[Ids],
        tokenizer: Tokenizer,
        dropout: float,
        random: np.random.Generator,
    ) -> "Cuts":
        tokens = np.arange(len(tokenizer), dtype=np.int32)
        found = array("i", tokens)
        starts = array("i", np.repeat(tokens, WAYS + 1))
        lengths = array("h", np.ones(len(starts), np.int16))
        for usual, ways in _ways(words, tokenizer, dropout, random):
            at = len(found)
            found.extend(usual)
            for way in ways:
                # Mostly the usual one, which is there already.
                starts.append(at if way is None else len(found))
                lengths.append(len(usual if way is None else way))
                found.extend(way or ())
            starts.append(at)
            lengths.append(len(usual))
        return cls(
            np.array(found, np.int32),
            np.array(starts, np.int32),
            np.array(lengths, np.int16),
        )

    def write(self, path: Path) -> None:
        arrays: tuple[npt.NDArray[Any], ...] = (self._ids, self._starts, self._lengths)
        for name, each in zip(_ARRAYS, arrays, strict=True):
            np.save(path.with_suffix(f".{name}.npy"), each)

    @classmethod
    def read(cls, path: Path) -> "Cuts":
        """As files in memory, which all processes of a machine share.

        Raises TrainingError if they are missing or damaged.
        """
        files = [path.with_suffix(f".{name}.npy") for name in _ARRAYS]
        try:
            return cls(*(np.load(file, mmap_mode="r") for file in files))
        except (OSError, EOFError, ValueError) as cause:
            raise TrainingError(
                f"{' or '.join(map(str, files))} is missing or damaged"
            ) from cause

    def draw(
        self, texts: Ragged, random: np.random.Generator, max_tokens: int
    ) -> Ragged:
        """The texts, given as words, as tokens: each word cut in a way that is drawn.

        A text that gets longer than `max_tokens` is cut as usual.
        """
        drawn = [
            self._draw(
                texts.values[positions(starts, lengths)], lengths, random, max_tokens
            )
            for starts, lengths in _chunks(texts)
        ]
        lengths = np.concatenate([each for _, each in drawn])
        ids = np.concatenate([each for each, _ in drawn])
        return Ragged(ids, np.cumsum(lengths) - lengths, lengths)

    def _draw(
        self,
        words: npt.NDArray[np.int64],
        per_text: npt.NDArray[np.int64],
        random: np.random.Generator,
        max_tokens: int,
    ) -> tuple[Ids, npt.NDArray[np.int64]]:
        """Ids one text behind another, and how many are whose."""
        firsts = np.cumsum(per_text) - per_text
        ways = random.integers(WAYS, size=len(words))
        rows = words.astype(np.int64) * (WAYS + 1)
        lengths = np.add.reduceat(self._lengths[rows + ways], firsts, dtype=np.int64)
        ways[np.repeat(lengths > max_tokens, per_text)] = USUAL
        cuts = rows + ways
        of_words = self._lengths[cuts].astype(np.int64)
        ids = self._ids[positions(self._starts[cuts].astype(np.int64), of_words)]
        return ids, np.add.reduceat(of_words, firsts)


def _chunks(
    texts: Ragged,
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    for first in range(0, len(texts), CHUNK):
        chunk = slice(first, first + CHUNK)
        yield texts.starts[chunk], texts.lengths[chunk]


def _ways(
    words: Sequence[Ids],
    tokenizer: Tokenizer,
    dropout: float,
    random: np.random.Generator,
) -> Iterator[tuple[Sequence[int], list[list[int] | None]]]:
    """Each word and its K ways, None for the usual one.

    A word that this module does not cut as the tokenizer does has no other.
    """
    pieces = [tokenizer.piece(i) for i in range(len(tokenizer))]
    number = {piece: i for i, piece in enumerate(pieces)}
    rank = tokenizer.merge_ranks()
    # Of a word's merges, the first that is left out; mostly there is none.
    firsts = random.geometric(dropout, (len(words), WAYS))
    for word, those in zip(words, firsts, strict=True):
        usual = word.tolist()
        text = "".join(pieces[i] for i in usual)
        asked = _Counter()
        again = [number.get(each, -1) for each in cut(text, rank, asked)]
        ways: list[list[int] | None] = []
        for first in those:
            if again != usual or first > asked.times:
                ways.append(None)
                continue
            after = _DroppedFrom(int(first), dropout, random)
            ways.append([number[each] for each in cut(text, rank, after)])
        yield usual, ways


class _Counter:
    """Drops nothing and counts the merges."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> bool:
        self.times += 1
        return False


class _DroppedFrom:
    """Drops the merge of that number, none before, and a share of those behind."""

    def __init__(self, first: int, share: float, random: np.random.Generator) -> None:
        self._left = first
        self._share = share
        self._random = random

    def __call__(self) -> bool:
        self._left -= 1
        if self._left > 0:
            return False
        return self._left == 0 or self._random.random() < self._share


def _begins_word(tokenizer: Tokenizer) -> npt.NDArray[np.bool_]:
    """Of each id; what stands for no text is a word of its own."""
    return np.array(
        [
            tokenizer.is_special(i) or tokenizer.piece(i).startswith("▁")
            for i in range(len(tokenizer))
        ]
    )
