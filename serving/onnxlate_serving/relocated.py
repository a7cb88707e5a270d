"""What is said of two texts, as of others that they are part of."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from onnxlate.answer import (
    AlignmentLink,
    AnswerWarning,
    ProtectedItem,
    Segment,
    Span,
    TermUse,
)

Record = TypeVar(
    "Record", AlignmentLink, AnswerWarning, ProtectedItem, Segment, TermUse
)

Move = Callable[[Span], Span]
"""From a span of the one text to that of the other."""


def relocated(record: Record, source: Move, target: Move) -> Record:
    """With both spans moved; one that is missing still is."""
    place = record.target and target(record.target)
    return replace(record, source=source(record.source), target=place)


def relinked(
    links: Iterable[AlignmentLink], source: Move, target: Move
) -> tuple[AlignmentLink, ...]:
    """Those of what is still there: a full stop that only the model said may go."""
    moved = (relocated(each, source, target) for each in links)
    return tuple(
        each
        for each in moved
        if each.source.start < each.source.end and each.target.start < each.target.end
    )
