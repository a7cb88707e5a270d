"""A source whose items gave way to symbols that its model knows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from onnxlate.answer import Span
from onnxlate.placeholder import placeholder

from ..words import occurrences
from .case import Case
from .items import Item, overlap
from .offsets import OffsetMap, Rewriter
from .seams import stands_alone

MAX_BETWEEN = 3
"""Characters between two items that one symbol may stand for: ", " and the like."""

BRACKETS = dict(zip("([\"'“„«‘<", ")]\"'”“»’>", strict=True))


@dataclass(frozen=True, slots=True)
class Group:
    """Items that one symbol stands for, mostly one, and what is between them."""

    items: tuple[Item, ...]
    span: Span

    def with_next(self, item: Item) -> "Group":
        return Group((*self.items, item), Span(self.span.start, item.span.end))


@dataclass(frozen=True, slots=True)
class Disguise:
    case: Case
    text: str
    """What the model is given."""
    to_source: OffsetMap
    """From that text to the source."""
    groups: dict[str, Group]
    """By symbol."""

    def worn_by(self, text: str) -> str:
        """Any other text, a target prefix for one, with items as symbols too: once
        each, and where they are no part of something else."""
        found: list[tuple[Span, str]] = []
        groups = [(each.span.of(self.case.text), s) for s, each in self.groups.items()]
        for item, symbol in sorted(groups, key=lambda each: -len(each[0])):
            spans = (Span(at, at + len(item)) for at in occurrences(item, text))
            free = (
                span
                for span in spans
                if stands_alone(text, span)
                and not any(overlap(span, other) for other, _ in found)
            )
            if span := next(free, None):
                found.append((span, symbol))
        rewriter = Rewriter(text)
        for span, symbol in sorted(found, key=lambda each: each[0].start):
            rewriter.swap(span, symbol)
        return rewriter.finish()

    def shown(self, text: str) -> str:
        """With the items for the symbols, for displays."""
        for symbol, group in self.groups.items():
            text = text.replace(symbol, group.span.of(self.case.text))
        return text


def disguised(case: Case, num_symbols: int) -> Disguise | None:
    """None if the case has more items than the model has symbols."""
    groups = [Group((item,), item.span) for item in case.items]
    if len(groups) > num_symbols:
        groups = _gathered(case)
    if len(groups) > num_symbols:
        return None
    rewriter = Rewriter(case.text)
    groups = _with_brackets(case.text, groups)
    named = {placeholder(number): group for number, group in enumerate(groups)}
    for symbol, group in named.items():
        rewriter.swap(group.span, symbol)
    return Disguise(case, rewriter.finish(), rewriter.to_old(), named)


def _with_brackets(text: str, groups: Sequence[Group]) -> list[Group]:
    """And quotation marks, where there is nothing else in them: a model that sees one
    of a pair without words may forget the other."""
    wider: list[Group] = []
    nexts = [*(group.span.start for group in groups[1:]), len(text)]
    end = 0  # of the one before, whose second mark is not the first of this one
    for group, limit in zip(groups, nexts, strict=True):
        span = group.span
        # Nor is a mark of a pair what another group begins with.
        before, behind = text[end : span.start][-1:], text[span.end : limit][:1]
        if before and BRACKETS.get(before) == behind:
            span = Span(span.start - 1, span.end + 1)
        wider.append(replace(group, span=span))
        end = span.end
    return wider


def _gathered(case: Case) -> list[Group]:
    """Neighbours together, as the numbers of a list are."""
    groups: list[Group] = []
    for item in case.items:
        if groups and _are_neighbours(case.text, groups[-1].span, item.span):
            groups[-1] = groups[-1].with_next(item)
        else:
            groups.append(Group((item,), item.span))
    return groups


def _are_neighbours(text: str, one: Span, other: Span) -> bool:
    between = text[one.end : other.start]
    return len(between) <= MAX_BETWEEN and not any(map(str.isalpha, between))
