"""BPE-dropout: words are cut into other tokens at random, anew in every epoch.

Provilkov et al. 2020. SentencePiece can do so itself, but from version 0.2.2 on no seed
makes two processes draw alike, and a run that goes on would not be the run it was. It
never merges across a space, so words can be taken one by one: each is cut in a number
of ways beforehand, and an epoch chooses among them, all words at once. Where nobody
writes spaces a sentence is one word, and has no more ways than another.

Axes: N words of a text with their repetitions, W different ones, K ways to cut each.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from onnxlate.text import Tokenizer

from .corpus import Example, Ids
from .draws import Purpose, generator

WAYS = 16
"""K. The usual way is among them as often as chance has it."""


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
    """One side of a corpus, its texts taken apart into words."""

    def __init__(self, texts: Sequence[Ids], tokenizer: Tokenizer) -> None:
        lengths = np.array([len(text) for text in texts])
        ids = np.concatenate(texts)
        begins = _begins_word(tokenizer)[ids]
        begins[np.cumsum(lengths) - lengths] = True
        starts = np.flatnonzero(begins)
        numbers: dict[bytes, int] = {}
        ends = [*starts[1:].tolist(), len(ids)]
        self.order = np.array(
            [
                numbers.setdefault(ids[start:end].tobytes(), len(numbers))
                for start, end in zip(starts.tolist(), ends, strict=True)
            ]
        )
        """(N,) The number of each word."""
        self.different = [np.frombuffer(word, ids.dtype) for word in numbers]
        """(W,) The ids of each, as usual."""
        self.per_text = np.add.reduceat(
            begins.astype(np.int64), np.cumsum(lengths) - lengths
        )
        """Words of each text, the end of the sentence included."""


class Cuts:
    """K ways to cut each of W words."""

    def __init__(
        self,
        words: Sequence[Ids],
        tokenizer: Tokenizer,
        dropout: float,
        random: np.random.Generator,
    ) -> None:
        """A word that this module does not cut as the tokenizer does stays as it is."""
        pieces = [tokenizer.piece(i) for i in range(len(tokenizer))]
        number = {piece: i for i, piece in enumerate(pieces)}
        rank = tokenizer.merge_ranks()
        # Of a word's merges, the first that is left out; mostly there is none.
        firsts = random.geometric(dropout, (len(words), WAYS))
        ways: list[Sequence[int] | Ids] = []
        for usual, those in zip(words, firsts, strict=True):
            text = "".join(pieces[i] for i in usual)
            asked = _Counter()
            again = [number.get(each, -1) for each in cut(text, rank, asked)]
            same = again == usual.tolist()
            for first in those:
                if not same or first > asked.times:
                    ways.append(usual)
                    continue
                after = _DroppedFrom(int(first), dropout, random)
                ways.append([number[each] for each in cut(text, rank, after)])
        self._ids = np.concatenate([np.asarray(way, np.int32) for way in ways])
        self._lengths = np.array([len(way) for way in ways])
        self._starts = np.cumsum(self._lengths) - self._lengths

    def draw(self, words: Words, random: np.random.Generator) -> list[Ids]:
        """Each text of theirs, its words cut in ways that are drawn."""
        chosen = words.order * WAYS + random.integers(WAYS, size=len(words.order))
        lengths = self._lengths[chosen]  # (N,)
        ends = np.cumsum(lengths)
        # Where in self._ids each token is: its word's start, and so many behind it.
        behind = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
        ids = self._ids[np.repeat(self._starts[chosen], lengths) + behind]
        last = np.cumsum(words.per_text) - 1
        return np.split(ids, ends[last][:-1])


class CutAnew:
    """Examples whose words every epoch cuts anew.

    Validation and decoding cut them as ever. A side that gets too long so does too.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        source: Tokenizer,
        target: Tokenizer,
        dropout: float,
        max_tokens: int,
        seed: int,
    ) -> None:
        self.examples = examples
        """As ever."""
        self._max_tokens = max_tokens
        self._seed = seed
        random = generator(seed, Purpose.CUTS)
        self._sides = [
            (words, Cuts(words.different, tokenizer, dropout, random))
            for words, tokenizer in (
                (Words([each.source for each in examples], source), source),
                (Words([each.target for each in examples], target), target),
            )
        ]

    def __call__(self, epoch: int) -> list[Example]:
        random = generator(self._seed, Purpose.CHOICE_OF_CUTS, epoch)
        sources, targets = (cuts.draw(words, random) for words, cuts in self._sides)
        return [
            Example(
                self._bounded(one, usual.source), self._bounded(other, usual.target)
            )
            for one, other, usual in zip(sources, targets, self.examples, strict=True)
        ]

    def _bounded(self, ids: Ids, usual: Ids) -> Ids:
        return ids if len(ids) <= self._max_tokens else usual


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
