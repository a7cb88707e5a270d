"""Fits a translation into the place of its source.

Gaps are put where they stood in proportion. Models end whatever they say with a full
stop; where the source has none, as headings, cells and clauses have none, that goes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .characters import AS_SPACES, splits_character
from .parts import Part
from .places import Places

STOPS = ".!。"
_STOP = re.compile(rf"(?<=[^\W_])[{STOPS}]$")
CLAUSE_ENDS = ",;:，、；："

_BLANK = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A translation as it stands in the whole."""

    text: str
    before: int
    """White space that the model began with, and that is left out."""
    changes: tuple[tuple[int, int], ...]
    """As Places has them."""

    def places(self, start: int) -> Places:
        """Of the model's text in a whole in which this begins at `start`."""
        end = start + len(self.text)
        return Places(start - self.before, end, self.changes)


def fitted(translation: str, part: Part) -> Fitted:
    """Without line breaks of its own, or white space at its ends; with all gaps."""
    text = _closed(translation.translate(AS_SPACES).rstrip(), part.text)
    before = len(text) - len(text.lstrip())
    if not part.gaps:
        return Fitted(text[before:], before, ())
    said: list[str] = []
    changes: list[tuple[int, int]] = []
    start = before
    for gap, (at, end) in zip(part.gaps, _chosen(text, before, part), strict=True):
        said += (text[start:at], gap.text)
        changes.append((end, len(gap.text) - (end - at)))
        start = end
    said.append(text[start:])
    return Fitted("".join(said), before, tuple(changes))


def _closed(text: str, source: str) -> str:
    """With the source's comma or colon, or nothing, for a full stop of the model's."""
    mark = source[-1:]
    if not _STOP.search(text) or not (mark in CLAUSE_ENDS or mark.isalnum()):
        return text
    return text[:-1] + (mark if mark in CLAUSE_ENDS else "")


def _chosen(text: str, before: int, part: Part) -> list[tuple[int, int]]:
    """A place for each gap, in their order."""
    ratio = (len(text) - before) / max(1, len(part.text))
    wanted = [before + gap.at * ratio for gap in part.gaps]
    blanks = [each.span() for each in _BLANK.finditer(text, before)]
    if len(blanks) < len(wanted):
        return _between_characters(text, before, wanted)
    chosen = []
    first = 0
    for number, place in enumerate(wanted, 1):
        # As many as gaps that follow are left to them.
        free = blanks[first : len(blanks) - (len(wanted) - number)]
        nearest = min(range(len(free)), key=lambda at: abs(free[at][0] - place))
        chosen.append(free[nearest])
        first += nearest + 1
    return chosen


def _between_characters(
    text: str, before: int, wanted: Sequence[float]
) -> list[tuple[int, int]]:
    """Where there are too few words for all gaps, as in Chinese."""
    chosen = []
    for place in wanted:
        at = round(place)
        while at > before and splits_character(text, at):
            at -= 1
        chosen.append((at, at))
    return chosen
