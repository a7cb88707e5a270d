"""Demands on the text itself, as rules of the search: what it begins with, what it must
not contain. However a model cuts words into tokens, they hold.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from onnxlate.candidates import Floats, History, Ints
from onnxlate.errors import InvalidRequest
from onnxlate.text import Tokenizer

from .vocabulary import Vocabulary
from .words import joined, places, stands_alone


@dataclass(frozen=True, slots=True)
class Prefix:
    """What the target begins with.

    All but its last word are the tokens that the model would read there. The last may
    be a part of a word, which is perhaps one token with what follows: how it is cut is
    left to the model, as long as the text begins with it.
    """

    text: str
    forced: tuple[int, ...] = field(compare=False)
    rest: tuple[tuple[int, ...], ...] = field(compare=False, repr=False)
    """By byte of the last word, the tokens that may be said from there."""
    vocabulary: Vocabulary = field(compare=False, repr=False)

    @property
    def num_tokens(self) -> int:
        """At most."""
        return len(self.forced) + len(self.rest)

    @classmethod
    def of(cls, text: str, tokenizer: Tokenizer, vocabulary: Vocabulary) -> "Prefix":
        """Raises InvalidRequest if the model cannot say it exactly."""
        head, _, word = text.rpartition(" ")
        forced = tuple(tokenizer.encode(head)[:-1])
        last = f" {word}".encode()
        rest = _ways(last, vocabulary)
        said = b"".join(vocabulary.spellings[token] for token in forced) + last
        if said != f" {text}".encode() or not rest[0]:
            raise InvalidRequest(
                f"target_prefix {text!r} cannot be said exactly by this model; it "
                f"would be {(tokenizer.decode(tokenizer.encode(text)))!r}"
            )
        return cls(text, forced, rest, vocabulary)

    def edit(self, row: Floats, said: History) -> bool:
        if len(said) < len(self.forced):
            allowed: Sequence[int] = (self.forced[len(said)],)
        else:
            done = int(self.vocabulary.sizes[said[len(self.forced) :]].sum())
            if done >= len(self.rest):
                return False
            allowed = self.rest[done]
        kept = row[list(allowed)]
        row[:] = -np.inf
        row[list(allowed)] = kept
        return True

    def bare(self) -> "Prefix":
        """Equal to this one, for comparing alone."""
        return replace(self, forced=(), rest=())


def _ways(word: bytes, vocabulary: Vocabulary) -> tuple[tuple[int, ...], ...]:
    """By byte, the tokens after which the rest of the word can still be said."""
    ways: list[tuple[int, ...]] = [()] * len(word)
    for at in reversed(range(len(word))):
        rest = word[at:]
        ways[at] = tuple(
            vocabulary.beginning(rest)
            + [
                token
                for token in vocabulary.within(rest)
                if ways[at + len(vocabulary.spellings[token])]
            ]
        )
    return tuple(ways)


@dataclass(frozen=True, slots=True)
class Apart:
    """Tokens that stand for words: what follows them is another word."""

    tokens: tuple[int, ...]
    vocabulary: Vocabulary = field(compare=False, repr=False)

    def edit(self, row: Floats, said: History) -> bool:
        if len(said) and int(said[-1]) in self.tokens:
            row[self.vocabulary.joining] = -np.inf
        return False


@dataclass(frozen=True, slots=True)
class Unsaid:
    """Tokens that do not come."""

    tokens: tuple[int, ...]

    def edit(self, row: Floats, said: History) -> bool:
        row[list(self.tokens)] = -np.inf
        return False


@dataclass(frozen=True, slots=True)
class Ban:
    """Phrases that do not come, as words of their own, in any case.

    As soon as the text would end with one, the token that makes it so is forbidden;
    so words are avoided too that begin with a phrase and that the model would say in
    several tokens.
    """

    phrases: tuple[str, ...]
    always: Ints = field(compare=False, repr=False)
    """Tokens that say a whole phrase, or the bytes of one."""
    after: Mapping[str, list[tuple[str, str, Ints]]] = field(compare=False, repr=False)
    """Phrase, how much of it was said, and the tokens that say the rest; by the last
    character that was said, with "" for those of which nothing was."""
    vocabulary: Vocabulary = field(compare=False, repr=False)

    @classmethod
    def of(cls, phrases: Iterable[str], vocabulary: Vocabulary) -> "Ban":
        folded = tuple(sorted({folded_phrase(each) for each in phrases}))
        always = [vocabulary.containing(each) for each in folded]
        for each in folded:
            always.append(vocabulary.bytes_of(each + each.upper() + each.title()))
        after = defaultdict(list)
        for phrase in folded:
            # In lower case, a few characters become longer than their bytes.
            first = max(0, len(phrase) - 2 * vocabulary.longest)
            for length in range(first, len(phrase)):
                if len(tokens := vocabulary.ending(phrase[length:])):
                    begun = phrase[:length]
                    after[begun[-1:]].append((phrase, begun, tokens))
        return cls(folded, np.concatenate(always), dict(after), vocabulary)

    def edit(self, row: Floats, said: History) -> bool:
        row[self.always] = -np.inf
        longest = max(map(len, self.phrases))
        # Every token that matters says a character, or a byte of one.
        text = " " + self.vocabulary.says(said[-4 * longest :].tolist()).casefold()
        for phrase, begun, tokens in chain(
            self.after.get("", ()), self.after.get(text[-1], ())
        ):
            start = len(text) - len(begun)
            if text.endswith(begun) and _begins(text, start, phrase):
                row[tokens] = -np.inf
        if text.endswith(self.phrases) and any(
            text.endswith(each)
            and _may_go_on(each)
            and _begins(text, len(text) - len(each), each)
            for each in self.phrases
        ):  # a prefix does, which must go on with the word
            row[~self.vocabulary.joining] = -np.inf
        return False

    def found_in(self, text: str) -> str | None:
        """The first of the phrases that any text has in it which begins with this.

        A word at its end may go on, and be another one.
        """
        folded = folded_phrase(text) + (" " if text[-1:].isspace() else "")
        here = (
            each
            for each in self.phrases
            for at in places(each, folded)
            if at + len(each) < len(folded) or not _may_go_on(each)
        )
        return next(here, None)

    def bare(self) -> "Ban":
        """Equal to this one, for comparing alone."""
        return replace(self, always=np.empty(0, np.int64), after={})


def folded_phrase(phrase: str) -> str:
    """As it is looked for: in lower case, with single spaces."""
    return " ".join(unicodedata.normalize("NFKC", phrase).casefold().split())


def _may_go_on(phrase: str) -> bool:
    """Whether there are words that begin as its last one."""
    return joined(phrase[-1], "a")


def _begins(text: str, start: int, phrase: str) -> bool:
    """Whether a word may begin at `start`, with this phrase."""
    return start == 0 or stands_alone(text[:start] + phrase[0], start, start + 1)
