"""Items that are no part of a sentence, but stand before or behind it.

"{name}: Where are you?", "See you tomorrow (10:30).", "1. Buy milk": what is set apart
by marks is copied, and the model is given the rest, which it translates as well as if
there were nothing else.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from onnxlate.answer import Span

from .apart import Setting
from .case import Case
from .items import Item
from .joint import ENDS
from .offsets import OffsetMap, Rewriter

MARKS_AT_END = f"{ENDS}\"”“’'»"
BRACKETS = {"(": ")", "[": "]"}

# A mark and a blank, or brackets.
_BEHIND_FIRST = re.compile(r"(?:[.):,]|\s{1,2}[-–—|>:])\s+")
_BEHIND_BRACKET = re.compile(r"[)\]](?:[:,]|\s{1,2}[-–—|>:])?\s+")
_BEFORE_LAST = re.compile(rf"(?:\s{{0,2}}[:,]|\s{{1,2}}[-–—|]|(?<=[{ENDS}]))\s{{1,2}}$")
_BEFORE_BRACKET = re.compile(r"\s{0,2}[:,–—]?\s{1,2}[(\[]$")
MAX_MARKS = 6
"""Characters that the last two look at."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What is copied of a case: all before and all behind the core."""

    case: Case
    core: Span
    marks: int
    """Where what ends the sentence begins; it is the core's, but for what is copied
    between them."""

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(each for each in self.case.items if not self.has(each))

    def core_case(self) -> tuple[Case, OffsetMap]:
        """The core by itself, with the marks that end the sentence; and where each of
        its characters is in the whole."""
        rewriter = Rewriter(self.case.text)
        rewriter.swap(Span(0, self.core.start), "")
        rewriter.swap(Span(self.core.end, self.marks), "")
        text = rewriter.finish()
        items = tuple(
            replace(each, span=each.span.moved(-self.core.start))
            for each in self.case.items
            if self.has(each)
        )
        return replace(self.case, text=text, items=items), rewriter.to_old()

    def has(self, item: Item) -> bool:
        """Whether an item is of the core."""
        return self.core.start <= item.span.start and item.span.end <= self.core.end


def framed(case: Case) -> Frame | None:
    """None where nothing is set apart."""
    whole = max(start_of_marks(case.text), case.items[-1].span.end)
    start, first = 0, 0
    if not case.options.target_prefix:  # which would stand before what is copied
        start, first = _front(case)
    end = _back(case, whole, first)
    if start == 0 and end == whole:
        return None
    ended = case.text[:end].endswith(tuple(ENDS))
    frame = Frame(case, Span(start, end), len(case.text) if ended else whole)
    return None if frame.core_case()[0].only_items else frame


def start_of_marks(text: str) -> int:
    end = len(text)
    while end and text[end - 1] in MARKS_AT_END:
        end -= 1
    return end


def _front(case: Case) -> tuple[int, int]:
    """Where what is set apart at the front ends, and how many items are in it."""
    at = 0
    for count, item in enumerate(case.items):
        before = case.text[at : item.span.start].lstrip()
        behind = case.text[item.span.end :][:1]
        pattern = _BEHIND_FIRST if not before else _BEHIND_BRACKET
        match = pattern.match(case.text, item.span.end)
        if not match or (before and BRACKETS.get(before) != behind):
            return at, count
        at = match.end()
    return at, len(case.items)


def _back(case: Case, end: int, first: int) -> int:
    """Where what is set apart at the back begins; not before item number `first`."""
    for item in reversed(case.items[first:]):
        behind = case.text[item.span.end : end]
        pattern = _BEFORE_BRACKET if behind else _BEFORE_LAST
        start = item.span.start
        match = pattern.search(case.text, max(0, start - MAX_MARKS), start)
        if not match or (behind and BRACKETS[match[0][-1]] != behind):
            return end
        end = match.start()
    return end


def in_frame(frame: Frame, core: str) -> Setting:
    """A translation of the core, with what is copied around it."""
    source = frame.case.text
    rewriter = Rewriter(core)
    rewriter.swap(Span(0, 0), source[: frame.core.start])
    at = rewriter.swap(_place_at_end(core, frame), source[frame.core.end : frame.marks])
    items = tuple(
        each.span.moved(at.start - frame.core.end)
        if each.span.start >= frame.core.end
        else each.span
        for each in frame.items
    )
    return Setting(rewriter.finish(), rewriter.to_new(), items)


def _place_at_end(core: str, frame: Frame) -> Span:
    """Where in a translation what is copied behind it belongs, instead of what."""
    size = len(core)
    marks = end_of_words(core, [item for item in frame.case.items if frame.has(item)])
    before, behind = frame.core.of(frame.case.text), frame.case.text[frame.marks :]
    if before.endswith(tuple(ENDS)):
        return Span(size, size)
    if behind:
        tail = size - len(behind)
        at = tail if tail >= marks and core.endswith(behind) else marks
        return Span(at, at)
    # A full stop that the source has not would be taken for a part of a URL.
    added = frame.core.end < frame.marks and not before.endswith(tuple(MARKS_AT_END))
    return Span(marks if added else size, size)


def end_of_words(text: str, items: Iterable[Item]) -> int:
    """Where the marks at its end begin; the full stop of "10 p.m." is none of them."""
    marks = start_of_marks(text)
    ends = (
        end
        for item in items
        for end in range(marks + 1, len(text) + 1)
        if text.endswith(item.text, 0, end)
    )
    return max(ends, default=marks)
