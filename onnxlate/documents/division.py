"""A translation, laid over the places that its source stood in.

A sentence of a subtitle stands in several lines, one of a word processor in several
runs, each with its format. It is translated whole; here its translation is cut into as
many pieces. With links between words, each word goes to a place that looks like its
source word's, whatever order the words are in now: "He has *eaten* the apple" becomes
"Er hat den Apfel *gegessen*" though the place behind *eaten* is left empty. Without
links, the pieces are as long, compared with each other, as those of the source.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise

from onnxlate.answer import AlignmentLink

from .worth import Place, tokens_of, worths

EMPTY = 2.0
"""What an empty place costs, where the source had words,"""
MISSED = 1000.0
"""and what it costs where there must be some."""
TORN = 6.0
"""What it costs to cut where there is no blank, unless the source did."""
BESIDE = 1.0
"""What it costs to cut on the other side of a blank than the source."""
PAUSE = 1.5
"""What it is worth to cut behind a comma or the like; twice, where the source did."""

_PAUSES = tuple(",;:.!?…–—，、。")


def divided(
    translation: str, places: Sequence[Place], links: Sequence[AlignmentLink] = ()
) -> list[str]:
    """A piece for each place, which concatenate to the translation.

    The places' texts concatenate to the source.
    """
    if translation == "".join(place.text for place in places):
        return [place.text for place in places]
    starts = [*(start for start, _ in tokens_of(translation)), len(translation)]
    cuts = _best_cuts(
        worths(translation, places, links),
        [_emptiness(place) for place in places],
        _joints(translation, starts, places),
    )
    bounds = [0, *(starts[cut] for cut in cuts), len(translation)]
    return [translation[start:end] for start, end in pairwise(bounds)]


def _emptiness(place: Place) -> float:
    if not place.text.strip():
        return 0.0
    return MISSED if place.needed else EMPTY


def _joints(
    translation: str, starts: Sequence[int], places: Sequence[Place]
) -> list[list[float]]:
    """What each cut costs, between each two places and before each token."""
    costs: list[list[float]] = []
    for left, right in pairwise(places):
        wanted = (left.text[-1:].isspace(), right.text[:1].isspace())
        # A line may end elsewhere for a comma's sake; a word's format may not.
        pause = PAUSE * ((left.look == right.look) + _pauses(left.text))
        costs.append([_joint(translation, at, wanted, pause) for at in starts])
    return costs


def _joint(translation: str, at: int, wanted: tuple[bool, bool], pause: float) -> float:
    if at in (0, len(translation)):
        return 0.0
    blank = (translation[at - 1].isspace(), translation[at].isspace())
    rest = -pause * _pauses(translation[:at])
    if blank == wanted:
        return rest
    return rest + (BESIDE if any(blank) else TORN)


def _pauses(text: str) -> bool:
    """Whether a reader would pause behind it."""
    return text.rstrip()[-1:] in _PAUSES


def _best_cuts(
    values: Sequence[Sequence[float]],
    empty: Sequence[float],
    joints: Sequence[Sequence[float]],
) -> list[int]:
    """The numbers of the tokens that are first behind each joint.

    best[t] is what the first t tokens are worth in the places so far; each place in
    turn takes the tokens from the best cut on.
    """
    num = len(values)
    sums = [[0.0, *accumulate(row[i] for row in values)] for i in range(len(empty))]
    best = [sums[0][t] - (empty[0] if t == 0 else 0.0) for t in range(num + 1)]
    choices: list[list[int]] = []
    for place in range(1, len(empty)):
        cuts = [best[t] - joints[place - 1][t] - sums[place][t] for t in range(num + 1)]
        chosen: list[int] = []
        reached: list[float] = []
        top = 0
        for t in range(num + 1):
            value, cut = cuts[t] - empty[place], t  # the place stays empty
            if t and cuts[top] >= value:
                value, cut = cuts[top], top
            reached.append(value + sums[place][t])
            chosen.append(cut)
            top = t if cuts[t] > cuts[top] else top
        best = reached
        choices.append(chosen)
    found = [num]
    for chosen in reversed(choices):
        found.append(chosen[found[-1]])
    return found[:0:-1]
