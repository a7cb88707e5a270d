"""Puts items back for the symbols that a model said."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from onnxlate.answer import Attention, ProtectedItem, Span

from ..translation import TranslatedHypothesis
from .aside import hypothesis_moved
from .case import kept, lost
from .disguise import Disguise, Group
from .items import Item
from .offsets import OffsetMap, Rewriter
from .patterns import SYMBOLS
from .seams import is_another_number, wants_blank_before, wants_blank_behind

STOPS = frozenset(".。")


@dataclass(frozen=True, slots=True)
class Restored:
    """A hypothesis as its reader sees it."""

    hypothesis: TranslatedHypothesis
    to_new: OffsetMap
    """From the text that the model said."""
    where: Mapping[str, Span]
    """By symbol."""

    def report(self, disguise: Disguise, reason: str) -> tuple[ProtectedItem, ...]:
        """`reason` is why what is missing is so."""
        return tuple(
            each
            for symbol, group in disguise.groups.items()
            for each in _of_group(group, self.where.get(symbol), reason)
        )


def restored(hypothesis: TranslatedHypothesis, disguise: Disguise) -> Restored | None:
    """None if an item would be missing, there twice, or another than it was."""
    if sorted(SYMBOLS.findall(hypothesis.text)) != sorted(disguise.groups):
        return None
    result = salvaged(hypothesis, disguise)
    text = result.hypothesis.text
    for symbol, group in disguise.groups.items():
        for item, span in _placed(group, result.where[symbol]):
            if is_another_number(item, disguise.case.text, text, span):
                return None
    return result


def salvaged(hypothesis: TranslatedHypothesis, disguise: Disguise) -> Restored:
    """With every item that was said, once; other symbols go."""
    rewriter = Rewriter(hypothesis.text)
    where: dict[str, Span] = {}
    end = -1
    for match in SYMBOLS.finditer(hypothesis.text):
        group = disguise.groups.get(match[0])
        if group is None or match[0] in where:
            rewriter.swap(Span(*match.span()), "")
            continue
        adjacent = match.start() == end
        where[match[0]] = _put(rewriter, group, match, disguise.case.text, adjacent)
        end = match.end()
        if _is_one_too_many(hypothesis.text[end:], group, disguise.case.text):
            rewriter.swap(Span(end, len(hypothesis.text)), "")
    text, to_new = rewriter.finish(), rewriter.to_new()
    new = hypothesis_moved(hypothesis, text, disguise.to_source, to_new)
    new = replace(
        new,
        tokens=tuple(
            replace(each, piece=disguise.shown(each.piece)) for each in new.tokens
        ),
        attention=tuple(_attention(each, disguise) for each in new.attention),
    )
    return Restored(new, to_new, where)


def _put(
    rewriter: Rewriter,
    group: Group,
    match: re.Match[str],
    source: str,
    adjacent: bool,
) -> Span:
    """`adjacent` tells whether another item was put right before."""
    rewriter.copy(match.start())
    first, last = group.items[0], group.items[-1]
    were_adjacent = not source[: first.span.start][-1:].isspace()
    if wants_blank_before(first, source, rewriter.last) or (
        adjacent and not were_adjacent
    ):
        rewriter.write(" ")
    wanted = wants_blank_behind(last, source, match.string[match.end() :])
    return rewriter.swap(
        Span(*match.span()), group.span.of(source), " " if wanted else ""
    )


def _is_one_too_many(rest: str, group: Group, source: str) -> bool:
    """Whether that is the full stop of a sentence which an item's own one ends, as of
    "Inc.": the model has not seen it behind the symbol."""
    last = group.span.of(source)[-1:]
    return last in STOPS and rest in STOPS and not source[group.span.end :].strip()


def _placed(group: Group, at: Span) -> Iterator[tuple[Item, Span]]:
    """Each item of a group, and where it is if the group is there."""
    shift = at.start - group.span.start
    for item in group.items:
        yield item, item.span.moved(shift)


def _of_group(group: Group, at: Span | None, reason: str) -> Iterator[ProtectedItem]:
    if at is None:
        yield from (lost(item, reason) for item in group.items)
    else:
        yield from (kept(item, span) for item, span in _placed(group, at))


def _attention(attention: Attention, disguise: Disguise) -> Attention:
    return replace(
        attention,
        source_pieces=tuple(map(disguise.shown, attention.source_pieces)),
        target_pieces=tuple(map(disguise.shown, attention.target_pieces)),
    )
