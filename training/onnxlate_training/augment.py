"""Further training pairs made of those there are: what a corpus lacks, users send."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from onnxlate.placeholder import placeholder

from .corpus import Pair
from .draws import Purpose, generator
from .recipe import AugmentConfig

# A word, a number, a time: inner full stops, colons and the like are part of it.
WORD = re.compile(r"\w+(?:[.:,/@-]\w+)*")

MAX_JOINED = 3
"""Pairs in one that `joined` makes, at most."""

RATIO = 50
"""Times that a name is written with a capital for once without."""

INNER_MARK = re.compile(r"[.!?:;„“\"]")
"""Of a side that is more than one plain statement."""

CLEARLY = 10
"""Times that a word is spelt one way for once the other."""

STRIDE = 8
"""Characters; sources whose lengths differ by less are about equally long."""

WITHOUT_SPACES = ("zh", "ja", "th")


def augment(
    pairs: Sequence[Pair],
    config: AugmentConfig,
    placeholders: int,
    languages: Pair,
    seed: int,
    validation: Sequence[Pair] = (),
) -> tuple[list[Pair], Counter[str]]:
    """What comes on top of pairs that fit into memory, and how many of each kind."""
    more: list[Pair] = []
    added: Counter[str] = Counter()
    for kind, pair in augmented(
        pairs, config, placeholders, languages, seed, validation
    ):
        more.append(pair)
        added[kind] += 1
    return more, added


def augmented(
    pairs: Sequence[Pair],
    config: AugmentConfig,
    placeholders: int,
    languages: Pair,
    seed: int,
    validation: Sequence[Pair] = (),
) -> Iterator[tuple[str, Pair]]:
    """What comes on top of the pairs, one by one, and of what kind it is.

    Goes through the pairs several times, and remembers some bytes of each.
    """
    random = generator(seed, Purpose.AUGMENTATION)
    kinds: dict[str, tuple[float, Iterator[Pair | None]]] = {
        "with placeholders": (
            config.placeholders,
            _with_placeholders(pairs, placeholders, random),
        ),
        "renamed": (config.renamed, _renamed(pairs, random)),
        "typed plainly": (config.plain, map(_plain, pairs)),
        "joined to others": (config.joined, _joined(pairs, languages, random)),
        "conjoined": (
            config.conjoined,
            _conjoined(pairs, config.conjunctions, random),
        ),
    }
    for kind, (share, candidates) in kinds.items():
        if not share:
            continue
        chosen = random.random(len(pairs)) < share
        for take, pair in zip(chosen, candidates, strict=True):
            if take and pair:
                yield kind, pair
    if config.like_validation > 1 and pairs and validation:
        for pair in _again(pairs, validation, config.like_validation, random):
            yield "again for their length", pair


def _with_placeholders(
    pairs: Sequence[Pair], placeholders: int, random: np.random.Generator
) -> Iterator[Pair | None]:
    """Names and numbers that are once on both sides give way to symbols."""
    for pair, words in zip(pairs, _names_and_numbers(pairs), strict=True):
        fitting = words[:placeholders]
        numbers = random.permutation(placeholders)[: len(fitting)]
        yield _replaced(pair, fitting, list(map(placeholder, numbers)))


def _renamed(
    pairs: Sequence[Pair], random: np.random.Generator
) -> Iterator[Pair | None]:
    """Names give way to any other of the text, however rare; digits to other digits."""
    found = _names_and_numbers(pairs)
    names = sorted({word for words in found for word in words if word.isalpha()})
    for pair, words in zip(pairs, _names_and_numbers(pairs), strict=True):
        others = [
            names[random.integers(len(names))]
            if word.isalpha()
            else _renumbered(word, random)
            for word in words
        ]
        yield _replaced(pair, words, others)


def _renumbered(word: str, random: np.random.Generator) -> str:
    """As many other digits; clock times and dates, which have rules, stay."""
    if not word.isdecimal():
        return word
    return "".join(map(str, random.integers(1, 10, size=len(word))))


def _names_and_numbers(pairs: Sequence[Pair]) -> Iterator[list[str]]:
    """Of each pair, those that are once on both sides, in the source's order."""
    spellings = Counter(
        word for pair in pairs for s in pair for word in WORD.findall(s)
    )
    for pair in pairs:
        yield [word for word in _common(pair) if _is_name_or_number(word, spellings)]


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


def _replaced(pair: Pair, words: Sequence[str], others: Sequence[str]) -> Pair | None:
    if not words:
        return None
    given = dict(zip(words, others, strict=True))
    one, other = (WORD.sub(lambda at: given.get(at[0], at[0]), s) for s in pair)
    return one, other


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


def _conjoined(
    pairs: Sequence[Pair], conjunctions: Sequence[Pair], random: np.random.Generator
) -> Iterator[Pair | None]:
    """ "It is late." behind "I am tired.": "I am tired and it is late."."""
    if not conjunctions:
        yield from (None for _ in pairs)
        return
    spellings = [_inner_words(pair[side] for pair in pairs) for side in (0, 1)]
    statements = np.flatnonzero(
        np.fromiter((_is_statement(pair) for pair in pairs), np.bool_, len(pairs))
    )
    for pair in pairs:
        halves = [
            _as_second_half(side, inner)
            for side, inner in zip(pair, spellings, strict=True)
        ]
        if not _is_statement(pair) or None in halves:
            yield None
            continue
        first = pairs[int(statements[random.integers(len(statements))])]
        between = conjunctions[int(random.integers(len(conjunctions)))]
        source, target = (
            f"{side[:-1]}{conjunction}{half}"
            for side, conjunction, half in zip(first, between, halves, strict=True)
        )
        yield source, target


def _is_statement(pair: Pair) -> bool:
    """One on each side: a full stop at the end, and none before."""
    return all(side.endswith(".") and not INNER_MARK.search(side[:-1]) for side in pair)


def _inner_words(sides: Iterable[str]) -> Counter[str]:
    """How words are spelt where no sentence begins."""
    return Counter(word for side in sides for word in WORD.findall(side)[1:])


def _as_second_half(side: str, inner: Counter[str]) -> str | None:
    """With a small letter, if that is how its first word is mostly spelt elsewhere.

    None where nobody can tell: "Sie" is "you" or the beginning of "they".
    """
    first = WORD.match(side)
    if not first:
        return None
    small = first[0][0].lower() + first[0][1:]
    as_it_is, as_small = inner[first[0]], inner[small]
    if as_small >= CLEARLY * max(as_it_is, 1):
        return small + side[first.end() :]
    return side if as_it_is >= CLEARLY * max(as_small, 1) else None


def _again(
    pairs: Sequence[Pair],
    validation: Sequence[Pair],
    limit: int,
    random: np.random.Generator,
) -> Iterator[Pair]:
    """Copies, so that lengths are spread more as in the validation text."""
    lengths = [np.array([len(one) for one, _ in text]) for text in (pairs, validation)]
    longest = max(each.max() for each in lengths)
    here, there = (
        np.bincount(each // STRIDE, minlength=longest // STRIDE + 1) / len(each)
        for each in lengths
    )
    times = np.divide(there, here, out=np.zeros_like(here), where=here > 0)
    copies = np.clip(times[lengths[0] // STRIDE], 1, limit) - 1
    whole = np.floor(copies + random.random(len(pairs))).astype(int)
    for pair, number in zip(pairs, whole, strict=True):
        yield from [pair] * number
