"""What stands in a cue of subtitles: lines, dashes of speakers, tags, and words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# <i>, </font>, {\an8}
_TAG = re.compile(r"<[^<>\r\n]+>|\{\\[^{}\r\n]*\}")
_LINE = re.compile(r"[^\r\n]+")
_SPEAKER = re.compile(r"[-–—‐]\s*|>>\s*")
_SENTENCE_END = re.compile(r"[.!?…。！？♪:)\]][\"'”’»)\]♪ ]*\Z")


@dataclass(frozen=True, slots=True)
class Piece:
    """Words in a line, without tags and without what surrounds them."""

    start: int
    end: int
    text: str
    look: str
    """The tags that are open here."""
    line: int
    """Number of its line in the cue."""
    starts_line: bool
    starts_speech: bool
    """Whether a speaker's dash stands before it."""

    @property
    def ends_sentence(self) -> bool:
        return bool(_SENTENCE_END.search(self.text.rstrip()))


def pieces_of(text: str, start: int, end: int) -> Iterator[Piece]:
    """The pieces of the cue whose lines stand between start and end."""
    open_tags: list[str] = []
    for number, line in enumerate(_LINE.finditer(text, start, end)):
        yield from _line_pieces(text, *line.span(), number, open_tags)


def without_empty_lines(content: str) -> str:
    """A blank line would end the cue."""
    lines = [line for line in content.splitlines(keepends=True) if line.strip()]
    joined = "".join(lines)
    ends_in_a_line_end = content != content.rstrip("\r\n")
    return joined if ends_in_a_line_end else joined.rstrip("\r\n")


def _line_pieces(
    text: str, start: int, end: int, line: int, open_tags: list[str]
) -> Iterator[Piece]:
    first = True
    speech = False
    for span_start, span_end, look in _untagged(text, start, end, open_tags):
        while span_start < span_end and first:
            dash = _SPEAKER.match(text, span_start, span_end)
            blank = text[span_start].isspace()
            if not dash and not blank:
                break
            speech = speech or bool(dash)
            span_start = dash.end() if dash else span_start + 1
        if span_start == span_end:
            continue
        words = text[span_start:span_end]
        yield Piece(span_start, span_end, words, look, line, first, speech and first)
        first = False


def _untagged(
    text: str, start: int, end: int, open_tags: list[str]
) -> Iterator[tuple[int, int, str]]:
    """What stands between tags, each with the tags that are open there."""
    at = start
    for tag in _TAG.finditer(text, start, end):
        if tag.start() > at:
            yield at, tag.start(), "".join(open_tags)
        _follow(tag[0], open_tags)
        at = tag.end()
    if at < end:
        yield at, end, "".join(open_tags)


def _follow(tag: str, open_tags: list[str]) -> None:
    if tag.startswith("</"):
        name = tag[2:-1].strip().lower()
        for index in range(len(open_tags) - 1, -1, -1):
            if re.match(rf"<{re.escape(name)}\b", open_tags[index], re.I):
                del open_tags[index]
                return
    elif tag.startswith("<"):
        open_tags.append(tag)
