"""Loops: what decoders fall into that have lost their place in the source."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = re.compile(r"\w+")
_MARKS = re.compile(r"((?:[^\w\s]|_)\s?)\1{7,}")
"""One mark, eight times or more; "..." is none, a line of a form is."""

FEWEST_TWICE = 3
"""Words that stand twice in the shortest loop that counts."""

LONG_WORD = 24
"""Letters from which on a word is looked into: "Donaudonaudonau…"."""

LONGEST_PERIOD = 60
"""Units; more is no loop but a repeated sentence, and that is shorter."""

PHRASE = 4
"""Words that need not follow each other directly to be a loop, if said three times."""

_WITHOUT_BLANKS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Loop:
    """The same words again and again."""

    words: str
    times: int


def loop(source: str, target: str) -> Loop | None:
    """What the target says oftener than the source has reason to; None if nothing."""
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
    usual = max((times for _, _, times in _runs(source)), default=1)
    for start, period, times in _runs(said):
        # Three of one word are for emphasis; five words are said twice by nobody.
        enough = 4 if period == 1 else 3 if period < 5 else 2
        if times >= enough and times > usual + (usual > 1):
            return Loop(" ".join(said[start : start + period]), times)
    phrases = Counter(_phrases(said))
    if phrases:
        words, times = phrases.most_common(1)[0]
        if times >= 3 and times > max(Counter(_phrases(source)).values(), default=1):
            return Loop(" ".join(words), times)
    return None


def _runs(words: Sequence[str]) -> list[tuple[int, int, int]]:
    """Where a period begins that is said at once again: start, period and times."""
    if len(words) == len(set(words)):
        return []
    found = []
    for period in _periods(words):
        equal = 0
        for at in range(len(words) - period + 1):
            if at + period < len(words) and words[at] == words[at + period]:
                equal += 1
            else:
                if equal >= period:
                    found.append((at - equal, period, equal // period + 1))
                equal = 0
    return found


def _periods(words: Sequence[str]) -> list[int]:
    """Those that may be there: with as many words as it has said that far apart."""
    longest = min(len(words) // 2, LONGEST_PERIOD)
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
        for start, period, times in _runs(word):
            if times * period >= LONG_WORD // 2 and times >= 4 and word not in source:
                return Loop(word[start : start + period], times)
    return None
