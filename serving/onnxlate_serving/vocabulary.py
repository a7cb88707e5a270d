"""How a model's tokens spell texts, for demands on the text itself.

Axes: V vocabulary, C tokens in question.
"""

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from onnxlate.placeholder import placeholders
from onnxlate.search import Ints
from onnxlate.text import Tokenizer

from .words import joined, stands_alone

_LAST = "\U0010ffff"
"""Sorts behind every text."""

_BETWEEN = "\0"


class Vocabulary:
    """Tokens by what they say, a space before a word included."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.spellings = [tokenizer.spelling(each) for each in range(len(tokenizer))]
        self.sizes = np.array([len(each) for each in self.spellings], np.int64)
        self.longest = int(self.sizes.max())
        """Bytes of the longest token."""
        self._bytes = {
            self.spellings[token]: token
            for token in range(len(tokenizer))
            if tokenizer.is_byte(token)
        }
        self._placeholders = frozenset(placeholders(tokenizer).values())
        self._sorted = sorted(
            (spelling, token) for token, spelling in enumerate(self.spellings)
        )

    @cached_property
    def joining(self) -> npt.NDArray[np.bool_]:
        """(V,) Which tokens go on with a word before them, or might: what the first
        byte of a character will become is not known."""
        return np.array(
            [
                joined("a", text[0]) if text else bool(spelling)
                for text, spelling in zip(self._texts, self.spellings, strict=True)
            ]
        )

    def says(self, tokens: Sequence[int]) -> str:
        """The text of some tokens in a row; half a character is left out."""
        return b"".join(self.spellings[each] for each in tokens).decode(errors="ignore")

    def beginning(self, rest: bytes) -> list[int]:
        """Tokens that begin with this."""
        first = bisect_left(self._sorted, (rest, -1))
        tokens = []
        for spelling, token in self._sorted[first:]:
            if not spelling.startswith(rest):
                break
            tokens.append(token)
        return tokens

    def within(self, rest: bytes) -> list[int]:
        """Tokens that this begins with, and is longer than."""
        tokens = []
        for length in range(1, min(len(rest), self.longest + 1)):
            at = bisect_left(self._sorted, (rest[:length], -1))
            while at < len(self._sorted) and self._sorted[at][0] == rest[:length]:
                tokens.append(self._sorted[at][1])
                at += 1
        return tokens

    def ending(self, rest: str) -> Ints:
        """Tokens that begin with this and then end a word, in any case: (C,)."""
        first = bisect_left(self._folded, (rest, -1))
        last = bisect_left(self._folded, (rest + _LAST, -1))
        return np.array(
            [
                token
                for text, token in self._folded[first:last]
                if stands_alone(text[len(rest) - 1 :], 0, 1)
            ],
            np.int64,
        )

    def containing(self, phrase: str) -> Ints:
        """Tokens that say this, in any case, as words behind their beginning: (C,)."""
        found = set()
        at = self._joint.find(phrase)
        while at >= 0:
            index = bisect_left(self._starts, at + 1) - 1
            text, token = self._folded[index]
            start = at - self._starts[index]
            # A phrase may have what stands between two of them.
            within = 0 < start <= len(text) - len(phrase)
            if within and stands_alone(text, start, start + len(phrase)):
                found.add(token)
            at = self._joint.find(phrase, at + 1)
        return np.array(sorted(found), np.int64)

    def bytes_of(self, text: str) -> Ints:
        """The tokens that are single bytes, of those that begin a character here."""
        firsts = sorted({character.encode()[:1] for character in text})
        tokens = [self._bytes[each] for each in firsts if each in self._bytes]
        return np.array(tokens, np.int64)

    @cached_property
    def _texts(self) -> list[str]:
        return [each.decode(errors="ignore") for each in self.spellings]

    @cached_property
    def _folded(self) -> list[tuple[str, int]]:
        """Placeholders left out, since nobody reads them."""
        return sorted(
            (each.casefold(), token)
            for token, each in enumerate(self._texts)
            if token not in self._placeholders
        )

    @cached_property
    def _joint(self) -> str:
        return _BETWEEN.join(text for text, _ in self._folded)

    @cached_property
    def _starts(self) -> list[int]:
        """Where each of _folded begins in _joint."""
        sizes = (len(text) + 1 for text, _ in self._folded)
        return [0, *accumulate(sizes)][:-1]
