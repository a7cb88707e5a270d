"""Fits a translation into the place of its source.

Gaps are put where they stood in proportion. Models end whatever they say with a full
stop; where the source has none, as headings, cells and clauses have none, that goes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from onnxlate.answer import Span

from ..translation import Translation
from ..words import places
from .characters import AS_SPACES, needs_no_spaces, splits_character
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


def fitted(translation: str, part: Part, kept: Sequence[Span] = ()) -> Fitted:
    """Without line breaks of its own, or white space at its ends; with all gaps.

    What stands at the places `kept` of the translation is left as it is.
    """
    text = translation.translate(AS_SPACES).rstrip()
    if not any(span.end == len(text) for span in kept):
        text = _closed(text, part.text)
    before = len(text) - len(text.lstrip())
    if not part.gaps:
        return Fitted(text[before:], before, ())
    said: list[str] = []
    changes: list[tuple[int, int]] = []
    start = before
    for gap, (at, end) in zip(
        part.gaps, _chosen(text, before, part, kept), strict=True
    ):
        said += (text[start:at], gap.text)
        # What ends where the text does, ends before the gaps there.
        since = end + (at == len(text))
        changes.append((since, len(gap.text) - (end - at)))
        start = end
    said.append(text[start:])
    return Fitted("".join(said), before, tuple(changes))


def kept_places(part: Part, translation: Translation, rank: int) -> list[Span]:
    """Where items and terms stand in one of its hypotheses."""
    text = translation.hypotheses[rank].text
    if rank == 0:
        spans = [each.target for each in translation.protected_items]
        spans += [each.target for each in translation.terms]
        return [each for each in spans if each]
    # Reports are of the best alone.
    items = {each.source.of(part.text) for each in translation.protected_items}
    return [
        Span(at, at + len(item))
        for item in sorted(items)
        if item
        for at in places(item, text)
    ]


def _closed(text: str, source: str) -> str:
    """With the source's comma or colon, or nothing, for a full stop of the model's."""
    mark = source[-1:]
    if not _STOP.search(text) or not (mark in CLAUSE_ENDS or mark.isalnum()):
        return text
    return text[:-1] + (mark if mark in CLAUSE_ENDS else "")


def _chosen(
    text: str, before: int, part: Part, kept: Sequence[Span]
) -> list[tuple[int, int]]:
    """A place for each gap, in their order."""
    ratio = (len(text) - before) / max(1, len(part.text))
    wanted = [before + gap.at * ratio for gap in part.gaps]
    blanks = [each.span() for each in _BLANK.finditer(text, before)]
    free = [each for each in blanks if not _within(each, kept)]
    if len(free) < len(wanted):
        free = sorted([*free, *_between_characters(text, before, kept)])
    end = (len(text), len(text))
    free += [end] * (len(wanted) - len(free))  # rather than within a word
    chosen = []
    first = 0
    for number, place in enumerate(wanted, 1):
        # As many as gaps that follow are left to them.
        last = len(free) - (len(wanted) - number)
        nearest = min(range(first, last), key=lambda at: abs(free[at][0] - place))
        chosen.append(free[nearest])
        first = nearest + 1
    return chosen


def _between_characters(
    text: str, before: int, kept: Sequence[Span]
) -> Iterator[tuple[int, int]]:
    """Places beside characters of scripts without spaces."""
    for at in range(before + 1, len(text)):
        sides = text[at - 1 : at + 1]
        if (
            any(map(needs_no_spaces, sides))
            and not any(map(str.isspace, sides))
            and not splits_character(text, at)
            and not _within((at - 1, at + 1), kept)
        ):
            yield at, at


def _within(place: tuple[int, int], kept: Sequence[Span]) -> bool:
    start, end = place
    return any(each.start < end and start < each.end for each in kept)
