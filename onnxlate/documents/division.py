"""A translation, laid over the places that its source stood in.

A sentence of a subtitle stands in several lines, one of a word processor in several
runs, each with its format. It is translated whole; here its translation is cut into as
many pieces. With links between words, each word goes to a place that looks like its
source word's, whatever order the words are in now: "He has *eaten* the apple" becomes
"Er hat den Apfel *gegessen*" though the place behind *eaten* is left empty. Without
links, the pieces are as long, compared with each other, as those of the source.
"""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from onnxlate.answer import AlignmentLink, Span

# Chinese, Japanese and Thai do without white space: each character may begin a piece.
_TOKENS = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u9fff]|[^\W_]+|\s+|[\W_]")

LINKED = 8.0
"""What a word is worth in a place that looks like its source word's."""
SAME_PLACE = 1.0
"""What it is worth that it is that very place."""
AFAR = 12.0
"""What it costs that a word without links is a whole text away from its share."""
EMPTY = 2.0
"""What an empty place costs, where the source had words,"""
MISSED = 1000.0
"""and what it costs where there must be some."""
TORN = 6.0
"""What it costs to cut where there is no blank, unless the source did."""
BESIDE = 1.0
"""What it costs to cut on the other side of a blank than the source."""
PAUSE = 1.5
"""What it is worth to cut behind a comma or the like."""

_PAUSES = frozenset(",;:.!?…–—，、。")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part of a text stands."""

    text: str
    look: object = None
    """Equal for places in which text looks the same."""
    needed: bool = False
    """Whether it must not stay empty, as long as there are words."""


def divided(
    translation: str,
    places: Sequence[Place],
    links: Sequence[AlignmentLink] = (),
) -> list[str]:
    """A piece for each place, which concatenate to the translation.

    The places' texts concatenate to the source.
    """
    source = "".join(place.text for place in places)
    if translation == source:
        return [place.text for place in places]
    tokens = [match.span() for match in _TOKENS.finditer(translation)]
    links = links or _same_words(source, translation)
    worths = _worths(translation, tokens, places, links)
    starts = [*(start for start, _ in tokens), len(translation)]
    joints = _joints(translation, starts, places)
    cuts = _best_cuts(worths, [_emptiness(place) for place in places], joints)
    bounds = [0, *(starts[cut] for cut in cuts), len(translation)]
    return [translation[start:end] for start, end in pairwise(bounds)]


def _emptiness(place: Place) -> float:
    if not place.text.strip():
        return 0.0
    return MISSED if place.needed else EMPTY


def _worths(
    translation: str,
    tokens: Sequence[tuple[int, int]],
    places: Sequence[Place],
    links: Sequence[AlignmentLink],
) -> list[list[float]]:
    """What each token is worth in each place: (tokens, places)."""
    ends = list(accumulate(len(place.text) for place in places))
    linked: dict[int, list[AlignmentLink]] = defaultdict(list)
    starts = [start for start, _ in tokens]
    for link in links:
        first = max(bisect_right(starts, link.target.start) - 1, 0)
        for index in range(first, bisect_left(starts, link.target.end)):
            linked[index].append(link)
    worths: list[list[float]] = []
    for index, (start, end) in enumerate(tokens):
        if translation[start:end].isspace():
            worths.append([0.0] * len(places))
        elif index in linked:
            worths.append(_by_links(linked[index], places, ends))
        else:
            share = (start + end) / 2 / len(translation)
            worths.append(_by_share(share, ends))
    return worths


def _by_links(
    links: Sequence[AlignmentLink], places: Sequence[Place], ends: Sequence[int]
) -> list[float]:
    worths = [0.0] * len(places)
    total = sum(link.probability for link in links) or 1.0
    for link in links:
        home = min(bisect_right(ends, link.source.start), len(places) - 1)
        weight = link.probability / total
        for index, place in enumerate(places):
            alike = place.look == places[home].look
            worths[index] += weight * (LINKED * alike + SAME_PLACE * (index == home))
    return worths


def _by_share(share: float, ends: Sequence[int]) -> list[float]:
    """How far the place's part of the source is from the token's of the translation."""
    whole = ends[-1] or 1
    starts = [0, *ends[:-1]]
    return [
        -AFAR * max(start / whole - share, share - end / whole, 0.0)
        for start, end in zip(starts, ends, strict=True)
    ]


def _joints(
    translation: str, starts: Sequence[int], places: Sequence[Place]
) -> list[list[float]]:
    """What each cut costs, between each two places and before each token."""
    costs: list[list[float]] = []
    for left, right in pairwise(places):
        wanted = (left.text[-1:].isspace(), right.text[:1].isspace())
        costs.append([_joint(translation, at, wanted) for at in starts])
    return costs


def _joint(translation: str, at: int, wanted: tuple[bool, bool]) -> float:
    if at in (0, len(translation)):
        return 0.0
    blank = (translation[at - 1].isspace(), translation[at].isspace())
    rest = -PAUSE if translation[:at].rstrip()[-1:] in _PAUSES else 0.0
    if blank == wanted:
        return rest
    return rest + (BESIDE if any(blank) else TORN)


def _best_cuts(
    worths: Sequence[Sequence[float]],
    empty: Sequence[float],
    joints: Sequence[Sequence[float]],
) -> list[int]:
    """The numbers of the tokens that are first behind each joint.

    best[t] is what the first t tokens are worth in the places so far; each place in
    turn takes the tokens from the best cut on.
    """
    num = len(worths)
    sums = [[0.0, *accumulate(row[i] for row in worths)] for i in range(len(empty))]
    best = [sums[0][t] - (empty[0] if t == 0 else 0.0) for t in range(num + 1)]
    choices: list[list[int]] = []
    for place in range(1, len(empty)):
        cuts = [best[t] - joints[place - 1][t] - sums[place][t] for t in range(num + 1)]
        chosen: list[int] = []
        top = 0
        values: list[float] = []
        for t in range(num + 1):
            value, cut = cuts[t] - empty[place], t  # the place stays empty
            if t and cuts[top] >= value:
                value, cut = cuts[top], top
            values.append(value + sums[place][t])
            chosen.append(cut)
            top = t if cuts[t] > cuts[top] else top
        best = values
        choices.append(chosen)
    found = [num]
    for chosen in reversed(choices):
        found.append(chosen[found[-1]])
    return found[:0:-1]


def _same_words(source: str, translation: str) -> list[AlignmentLink]:
    """Names and numbers that stand once in both texts."""
    ours, theirs = (
        {m[0]: m.span() for m in re.finditer(r"[^\W_]+", text)}
        for text in (source, translation)
    )
    return [
        AlignmentLink(Span(*ours[word]), Span(*theirs[word]), 1.0)
        for word in ours.keys() & theirs.keys()
        if (len(word) > 3 or any(map(str.isdigit, word)))
        and source.count(word) == translation.count(word) == 1
    ]
