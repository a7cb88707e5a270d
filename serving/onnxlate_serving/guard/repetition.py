"""Loops: what decoders fall into that have lost their place in the source."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import eq

from ..native.library import Repetition
from .compiled import repeated

_WORD = re.compile(r"\w+")
_MARKS = re.compile(r"((?:[^\w\s]|_)\s?)\1{7,}")
"""One mark, eight times or more; "..." is none, a line of a form is."""

FEWEST_TWICE = 3
"""Words that stand twice in the shortest loop that counts."""

LONG_WORD = 24
"""Letters from which on a word is looked into: "Donaudonaudonau…"."""

FEWEST_THREES = 7
"""Times that three letters in a row have been there before, in the shortest loop within
a word: of twelve letters, four times three."""

SHORT = 8
"""Letters of most loops within a word."""

LONGEST_PERIOD = 60
"""Units; more is no loop but a repeated sentence, and that is shorter."""

PHRASE, OFTEN = 4, 3
"""So many words need not follow each other directly to be a loop, if said so often."""

_WITHOUT_BLANKS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Loop:
    """The same words again and again."""

    words: str
    times: int


def loop(source: str, target: str) -> Loop | None:
    """What the target says oftener than the source has reason to; None if nothing."""
    found = repeated(source, target)
    if found is None:
        return searched(source, target)
    if found.kind == Repetition.NOTHING:
        return None
    words = target[found.start : found.end]
    if found.kind == Repetition.WORDS:
        words = " ".join(_WORD.findall(words.lower()))
    return Loop(words, found.times)


def searched(source: str, target: str) -> Loop | None:
    """The same without compiled code, which does as this does."""
    marks = _MARKS.search(target)
    if marks and not _MARKS.search(source):
        return Loop(marks.group(1).strip(), len(marks.group()) // len(marks.group(1)))
    said = _units(target)
    if len(said) - len(set(said)) >= FEWEST_TWICE:
        found = _in_words(_units(source), said)
        if found:
            return found
    return _in_letters(source, target)


def _units(text: str) -> list[str]:
    text = text.lower()
    if not text.isascii() and _WITHOUT_BLANKS.search(text):
        return [each for each in text if each.isalnum()]
    return _WORD.findall(text)


def _in_words(source: Sequence[str], said: Sequence[str]) -> Loop | None:
    # No word of the source is there oftener, so nothing is said oftener in a row.
    most = 1 + len(source) - len(set(source))
    usual = None  # which few need to know
    for start, period, times in _runs(said):
        # Three of one word are for emphasis; five words are said twice by nobody.
        enough = 4 if period == 1 else 3 if period < 5 else 2
        if times < enough:
            continue
        if usual is None and times <= most + 1:
            usual = max((times for _, _, times in _runs(source)), default=1)
        if usual is None or times > usual + (usual > 1):
            return Loop(" ".join(said[start : start + period]), times)
    phrases = _phrases(said)
    if len(phrases) - len(set(phrases)) < OFTEN - 1:
        return None
    words, times = Counter(phrases).most_common(1)[0]
    if times >= OFTEN and times > max(Counter(_phrases(source)).values(), default=1):
        return Loop(" ".join(words), times)
    return None


def _runs(words: Sequence[str], short: int = 1) -> Iterator[tuple[int, int, int]]:
    """Where a period begins that is said at once again: start, period and times; the
    shortest periods first. Up to `short` all are tried, before it is counted which
    there may be: most loops are found by then."""
    if len(words) == len(set(words)):
        return
    longest = min(len(words) // 2, LONGEST_PERIOD)
    for period in range(1, min(short, longest) + 1):
        yield from _runs_of(words, period)
    for period in _periods(words, longest):
        if period > short:
            yield from _runs_of(words, period)


def _runs_of(words: Sequence[str], period: int) -> Iterator[tuple[int, int, int]]:
    same = list(map(eq, words, words[period:]))
    if same.count(True) < period:
        return
    at = 0
    for again, group in groupby(same):
        equal = len(list(group))
        if again and equal >= period:
            yield at, period, equal // period + 1
        at += equal


def _periods(words: Sequence[str], longest: int) -> list[int]:
    """Those that may be there: with as many words as it has said that far apart."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    distances: Counter[int] = Counter()
    for at, word in enumerate(words):
        for before in reversed(places[word]):
            if at - before > longest:
                break
            distances[at - before] += 1
        places[word].append(at)
    return sorted(period for period, times in distances.items() if times >= period)


def _phrases(words: Sequence[str]) -> list[tuple[str, ...]]:
    return list(zip(*(words[at:] for at in range(PHRASE)), strict=False))


def _in_letters(source: str, target: str) -> Loop | None:
    """Within the longest words; those of the source may do the same."""
    for word in target.split():
        if len(word) < LONG_WORD or _WITHOUT_BLANKS.search(word):
            continue
        threes = list(zip(word, word[1:], word[2:], strict=False))
        if len(threes) - len(set(threes)) < FEWEST_THREES:
            continue
        for start, period, times in _runs(word, SHORT):
            if times * period >= LONG_WORD // 2 and times >= 4 and word not in source:
                return Loop(word[start : start + period], times)
    return None
