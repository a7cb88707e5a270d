"""Fits a translation into the place of its source.

Gaps are put where they stood in proportion, and those within an item where they stood
in it. Models end whatever they say with a full
stop; where the source has none, as headings, cells and clauses have none, that goes.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from onnxlate.answer import Span

from ..translation import Translation
from ..words import places
from .characters import AS_SPACES, needs_no_spaces, splits_character
from .parts import Gap, Part
from .places import Places

STOPS = ".!。"
_STOP = re.compile(rf"(?<=[^\W_])[{STOPS}]$")
CLAUSE_ENDS = ",;:，、；："

_BLANK = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Kept:
    """What in a translation no gap breaks."""

    target: Span
    source: Span | None = None
    """Of the part; where there is one, the same characters stand there."""


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
        return Places(start, end, self.changes, self.before)


def fitted(translation: str, part: Part, kept: Sequence[Kept] = ()) -> Fitted:
    """Without line breaks of its own, or white space at its ends; with all gaps.

    What is `kept` of the translation is left as it is, or as it was in the source.
    """
    text = translation.translate(AS_SPACES).rstrip()
    if not any(each.target.end == len(text) for each in kept):
        text = _closed(text, part.text)
    before = len(text) - len(text.lstrip())
    if not part.gaps:
        return Fitted(text[before:], before, ())
    said: list[str] = []
    changes: list[tuple[int, int]] = []
    start = before
    for (at, end), gap in _placed(text, before, part, kept):
        said += (text[start:at], gap.text)
        # What ends where the text does, ends before the gaps there.
        since = end + (at == len(text))
        changes.append((since, len(gap.text) - (end - at)))
        start = end
    said.append(text[start:])
    return Fitted("".join(said), before, tuple(changes))


def kept_places(
    part: Part, translation: Translation, rank: int, prefix: str
) -> list[Kept]:
    """Where items, terms and the prefix stand in one of its hypotheses."""
    text = translation.hypotheses[rank].text
    items = translation.protected_items
    begun = [Kept(Span(0, len(prefix)))] if prefix and text.startswith(prefix) else []
    if rank == 0:
        kept = [Kept(each.target, each.source) for each in items if each.target]
        terms = (each.target for each in translation.terms)
        return [*begun, *kept, *(Kept(each) for each in terms if each)]
    # Reports are of the best alone.
    sources: dict[str, list[Span]] = {}
    for each in items:
        sources.setdefault(each.source.of(part.text), []).append(each.source)
    return begun + [
        Kept(Span(at, at + len(item)), source)
        for item, spans in sorted(sources.items())
        if item
        for at, source in zip(
            places(item, text), chain(spans, repeat(None)), strict=False
        )
    ]


def _closed(text: str, source: str) -> str:
    """With the source's comma or colon, or nothing, for a full stop of the model's."""
    mark = source[-1:]
    if not _STOP.search(text) or not (mark in CLAUSE_ENDS or mark.isalnum()):
        return text
    return text[:-1] + (mark if mark in CLAUSE_ENDS else "")


def _placed(
    text: str, before: int, part: Part, kept: Sequence[Kept]
) -> list[tuple[tuple[int, int], Gap]]:
    """A place for each gap, in the order of the places."""
    inside, others = list[tuple[tuple[int, int], Gap]](), list[Gap]()
    for gap in part.gaps:
        at = _within_item(gap, text, kept)
        if at is None:
            others.append(gap)
        else:
            inside.append(((at, at + 1), gap))
    chosen = _chosen(text, before, len(part.text), others, kept)
    beside = zip(chosen, others, strict=True)
    return sorted([*inside, *beside], key=lambda each: each[0])


def _within_item(gap: Gap, text: str, kept: Iterable[Kept]) -> int | None:
    """Where the blank for it stands in the translation, if it is one of an item's."""
    for each in kept:
        if each.source and each.source.start <= gap.at < each.source.end:
            at = each.target.start + gap.at - each.source.start
            return at if text[at : at + 1].isspace() else None
    return None


def _chosen(
    text: str, before: int, size: int, gaps: Sequence[Gap], kept: Sequence[Kept]
) -> list[tuple[int, int]]:
    """A place for each gap of a part of that size, in their order."""
    ratio = (len(text) - before) / max(1, size)
    wanted = [before + gap.at * ratio for gap in gaps]
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
    text: str, before: int, kept: Sequence[Kept]
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


def _within(place: tuple[int, int], kept: Sequence[Kept]) -> bool:
    start, end = place
    spans = (each.target for each in kept)
    return any(each.start < end and start < each.end for each in spans)
