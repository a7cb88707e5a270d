"""Where the words of a text stand: lines, markers of lists, cells of tables.

What is not in one of the blocks found here is layout, and is copied.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from onnxlate.answer import Span

from .characters import LINE_BREAK

_MARKER = re.compile(
    r"(?:[-*+•‣◦▪▫·–—>#]+|\(?\d{1,3}[.)]|\(?[a-zA-Z]\)|[a-z]\.|\[[ xX]\])(?=\s)"
)
"""What may begin a line of a list, a quotation or a heading."""

_CELLS = re.compile(r"\s*\t\s*|\s{3,}|[|│┃║\u2581]+")
"""What stands between two cells of a table. Two blanks are what some put after a
sentence, three are not. The last of the marks, a low block, is among them because
SentencePiece would read it as a blank."""

NARROWEST, WIDEST = 40, 160
"""Widths between which lines are wrapped, in characters."""

MANY_LINES = 4
"""So many lines that are as full as they can be are no accident,"""

MOST_LINES = 0.75
"""if they are this part of a paragraph; the last line of each need not be full."""

FEWEST_WORDS = 4
"""Of a line that may be wrapped; data has fewer, and long ones."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its break."""

    start: int
    """Where its words begin: behind the indentation and the marker."""
    end: int
    """Where they end; white space at the end is behind."""
    column: int
    """Characters before `start`."""
    marked: bool
    """Whether it begins with a marker."""

    @property
    def width(self) -> int:
        return self.column + self.end - self.start


def blocks(text: str) -> Iterator[Span]:
    """Each part of the text whose sentences do not go on elsewhere, in order.

    Mostly that is a line, or a cell of one; or a paragraph whose lines somebody has
    wrapped, which is recognised by every line being as full as its width allows.
    """
    paragraph: list[Line] = []
    for line in lines(text):
        if paragraph and not _goes_on(text, paragraph[-1], line):
            yield from _of_paragraph(text, paragraph)
            paragraph = []
        paragraph.append(line)
    yield from _of_paragraph(text, paragraph)


def lines(text: str) -> Iterator[Line]:
    start = 0
    for line_break in LINE_BREAK.finditer(text):
        yield _line(text, start, line_break.start())
        start = line_break.end()
    yield _line(text, start, len(text))


def _line(text: str, start: int, end: int) -> Line:
    end = start + len(text[start:end].rstrip())
    at = _past_blanks(text, start, end)
    marked = False
    while marker := _MARKER.match(text, at, end):
        at = _past_blanks(text, marker.end(), end)
        marked = True
    return Line(at, end, at - start, marked)


def _past_blanks(text: str, start: int, end: int) -> int:
    while start < end and text[start].isspace():
        start += 1
    return start


def _goes_on(text: str, line: Line, following: Line) -> bool:
    """Whether both may be lines of one paragraph, by their shape alone."""
    return (
        line.start < line.end
        and following.start < following.end
        and line.column == following.column
        and not following.marked
    )


def _of_paragraph(text: str, paragraph: list[Line]) -> Iterator[Span]:
    if len(paragraph) == 1 or not _is_wrapped(text, paragraph):
        for line in paragraph:
            yield from _cells(text, line)
        return
    start = paragraph[0].start
    width = max(line.width for line in paragraph)
    for line, following in pairwise(paragraph):
        if not _is_full(text, line, following, width):
            yield Span(start, line.end)
            start = following.start
    yield Span(start, paragraph[-1].end)


def _is_wrapped(text: str, paragraph: list[Line]) -> bool:
    """Whether nearly all of its lines are full, and none looks like data."""
    width = max(line.width for line in paragraph)
    if not NARROWEST <= width <= WIDEST:
        return False
    if any(_CELLS.search(text, each.start, each.end) for each in paragraph):
        return False
    pairs = list(pairwise(paragraph))
    full = [pair for pair in pairs if _is_full(text, *pair, width)]
    if len(paragraph) < MANY_LINES:
        # Two titles may happen to be as long as each other.
        return len(full) == len(pairs) and all(
            text[following.start].islower() for _, following in pairs
        )
    return len(full) >= MOST_LINES * len(pairs)


def _is_full(text: str, line: Line, following: Line, width: int) -> bool:
    """Whether the first word of the line that follows would not have fitted."""
    words = text[line.start : line.end].split()
    first = text[following.start : following.end].split(maxsplit=1)[0]
    return len(words) >= FEWEST_WORDS and line.width + 1 + len(first) > width


def _cells(text: str, line: Line) -> Iterator[Span]:
    start = line.start
    for gap in _CELLS.finditer(text, line.start, line.end):
        yield Span(start, gap.start())
        start = gap.end()
    yield Span(start, line.end)
