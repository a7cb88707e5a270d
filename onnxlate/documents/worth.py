"""What a word of a translation is worth in each of the places of its source."""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from onnxlate.answer import AlignmentLink, Span

# Chinese, Japanese and Thai do without white space: each character may begin a piece.
_TOKENS = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u9fff]|[^\W_]+|\s+|[\W_]")

LINKED = 8.0
"""What a word is worth in a place that looks like its source word's."""
SAME_PLACE = 1.0
"""What it is worth that it is that very place."""
AFAR = 12.0
"""What it costs that a word without links is a whole text away from its share."""
SETTLED = 4.0
"""What it costs that it is in a place whose words all have links to others."""
WORD = 4
"""A word's share grows with its letters, and with these for being one: words have more
letters in one language than in another, and sentences about as many words."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part of a text stands."""

    text: str
    look: object = None
    """Equal for places in which text looks the same."""
    needed: bool = False
    """Whether it must not stay empty, as long as there are words."""


def tokens_of(text: str) -> list[tuple[int, int]]:
    """Where its words, blanks and marks begin and end; they cover it."""
    return [match.span() for match in _TOKENS.finditer(text)]


def worths(
    translation: str, places: Sequence[Place], links: Sequence[AlignmentLink]
) -> list[list[float]]:
    """For each token of the translation, and for each place."""
    source = "".join(place.text for place in places)
    known = links or _same_words(source, translation)
    tokens = tokens_of(translation)
    ends = list(accumulate(len(place.text) for place in places))
    by_token = _by_token(tokens, known)
    by_share = _Shares(places, _settled(places, ends, known))
    sizes = [_size(translation[start:end]) for start, end in tokens]
    whole = sum(sizes) or 1
    found: list[list[float]] = []
    for index, behind in enumerate(accumulate(sizes)):
        if not sizes[index]:
            found.append([0.0] * len(places))
        elif index in by_token:
            found.append(_by_links(by_token[index], places, ends))
        else:
            found.append(by_share.of((behind - sizes[index] / 2) / whole))
    return found


def _by_token(
    tokens: Sequence[tuple[int, int]], links: Sequence[AlignmentLink]
) -> dict[int, list[AlignmentLink]]:
    starts = [start for start, _ in tokens]
    found: dict[int, list[AlignmentLink]] = defaultdict(list)
    for link in links:
        first = max(bisect_right(starts, link.target.start) - 1, 0)
        for index in range(first, bisect_left(starts, link.target.end)):
            found[index].append(link)
    return found


def _by_links(
    links: Sequence[AlignmentLink], places: Sequence[Place], ends: Sequence[int]
) -> list[float]:
    found = [0.0] * len(places)
    total = sum(link.probability for link in links) or 1.0
    for link in links:
        home = min(bisect_right(ends, link.source.start), len(places) - 1)
        weight = link.probability / total
        for index, place in enumerate(places):
            alike = place.look == places[home].look
            found[index] += weight * (LINKED * alike + SAME_PLACE * (index == home))
    return found


class _Shares:
    """Which part of a text each place has."""

    def __init__(self, places: Sequence[Place], settled: Sequence[bool]) -> None:
        ends = list(accumulate(_size(place.text) for place in places))
        whole = ends[-1] or 1
        self._ends = [end / whole for end in ends]
        self._starts = [0.0, *self._ends[:-1]]
        self._costs = [SETTLED * each for each in settled]

    def of(self, share: float) -> list[float]:
        """By how far a word is away that stands there in the translation."""
        bounds = zip(self._starts, self._ends, self._costs, strict=True)
        return [
            -AFAR * max(start - share, share - end, 0.0) - cost
            for start, end, cost in bounds
        ]


def _settled(
    places: Sequence[Place], ends: Sequence[int], links: Sequence[AlignmentLink]
) -> list[bool]:
    """Whether all words of a place are known to be somewhere."""
    starts = {link.source.start for link in links}
    found: list[bool] = []
    for place, end in zip(places, ends, strict=True):
        first = end - len(place.text)
        words = {
            first + start
            for start, stop in tokens_of(place.text)
            if _is_word(place.text[start:stop])
        }
        found.append(bool(words) and words <= starts)
    return found


def _same_words(source: str, translation: str) -> list[AlignmentLink]:
    """Names and numbers that stand once in both texts."""
    ours, theirs = _once(source), _once(translation)
    return [
        AlignmentLink(Span(*ours[word]), Span(*theirs[word]), 1.0)
        for word in ours.keys() & theirs.keys()
        if len(word) > 3 or any(map(str.isdigit, word))
    ]


def _once(text: str) -> dict[str, tuple[int, int]]:
    """Words that stand there once, and where."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for start, end in tokens_of(text):
        found[text[start:end]].append((start, end))
    return {
        word: spans[0]
        for word, spans in found.items()
        if len(spans) == 1 and _is_word(word)
    }


def _size(text: str) -> int:
    words = [text[start:end] for start, end in tokens_of(text)]
    return sum(len(word) + WORD * _is_word(word) for word in words if word.strip())


def _is_word(token: str) -> bool:
    return token[:1].isalnum()
