"""Further training pairs made of those there are: what a corpus lacks, users send."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from onnxlate.text import EOS_ID, Tokenizer

from .corpus import Pair
from .recipe import AugmentConfig

# A word, a number, a time: inner full stops, colons and the like are part of it.
WORD = re.compile(r"\w+(?:[.:,/@-]\w+)*")

MAX_JOINED = 3
"""Pairs in one that `joined` makes, at most."""

RATIO = 50
"""Times that a name is written with a capital for once without."""

WITHOUT_SPACES = ("zh", "ja", "th")


def placeholder(number: int) -> str:
    """The symbol that stands for the number-th thing not to be translated.

    Mathematical white square brackets: nobody writes them, and compatibility
    normalisation leaves them alone.
    """
    return f"\u27e6{number}\u27e7"


def count_placeholders(tokenizer: Tokenizer) -> int:
    """Symbols that a tokenizer has; they stand behind the special ids."""
    ids = range(EOS_ID + 1, len(tokenizer))
    return next(i for i, at in enumerate(ids) if tokenizer.piece(at) != placeholder(i))


def augment(
    pairs: Sequence[Pair],
    config: AugmentConfig,
    placeholders: int,
    languages: Pair,
    seed: int,
) -> tuple[list[Pair], Counter[str]]:
    """What comes on top of the pairs, and how many of each kind."""
    random = np.random.default_rng([seed, 1])
    kinds: dict[str, tuple[float, Iterator[Pair | None]]] = {
        "with placeholders": (
            config.placeholders,
            _with_placeholders(pairs, placeholders, random),
        ),
        "typed plainly": (config.plain, map(_plain, pairs)),
        "joined to others": (config.joined, _joined(pairs, languages, random)),
    }
    more: list[Pair] = []
    added: Counter[str] = Counter()
    for kind, (share, candidates) in kinds.items():
        if not share:
            continue
        chosen = random.random(len(pairs)) < share
        for take, pair in zip(chosen, candidates, strict=True):
            if take and pair:
                more.append(pair)
                added[kind] += 1
    return more, added


def _with_placeholders(
    pairs: Sequence[Pair], placeholders: int, random: np.random.Generator
) -> Iterator[Pair | None]:
    """Names and numbers that are once on both sides give way to symbols."""
    spellings = Counter(
        word for pair in pairs for s in pair for word in WORD.findall(s)
    )
    for pair in pairs:
        words = [word for word in _common(pair) if _is_name_or_number(word, spellings)][
            :placeholders
        ]
        numbers = random.permutation(placeholders)[: len(words)]
        symbols = dict(zip(words, map(placeholder, numbers), strict=True))
        if words:
            yield _replaced(pair[0], symbols), _replaced(pair[1], symbols)
        else:
            yield None


def _common(pair: Pair) -> list[str]:
    """Words that each side has just once, in the source's order."""
    here, there = (Counter(WORD.findall(side)) for side in pair)
    return [word for word, times in here.items() if times == there[word] == 1]


def _is_name_or_number(word: str, spellings: Counter[str]) -> bool:
    """No "In", "Was" or "Winter", which are words of both languages by chance."""
    if any(map(str.isdigit, word)):
        return True
    small = spellings[word.lower()]
    return len(word) > 1 and word[0].isupper() and spellings[word] >= RATIO * small


def _replaced(side: str, symbols: dict[str, str]) -> str:
    return WORD.sub(lambda found: symbols.get(found[0], found[0]), side)


def _plain(pair: Pair) -> Pair | None:
    """As people type in a hurry: small letters, no closing full stop."""
    plain = pair[0].lower().rstrip(".!?").rstrip()
    return (plain, pair[1]) if plain and plain != pair[0] else None


def _joined(
    pairs: Sequence[Pair], languages: Pair, random: np.random.Generator
) -> Iterator[Pair]:
    """Each behind others, as one longer text: Kondo et al. 2021."""
    source, target = (
        "" if language.split("-")[0] in WITHOUT_SPACES else " "
        for language in languages
    )
    for pair in pairs:
        others = random.integers(len(pairs), size=random.integers(1, MAX_JOINED))
        company = [*(pairs[i] for i in others), pair]
        yield (
            source.join(one for one, _ in company),
            target.join(other for _, other in company),
        )
