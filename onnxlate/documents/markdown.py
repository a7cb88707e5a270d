"""Markdown: a file that is too long for one text is cut between its blocks."""

import re

from onnxlate.answer import Format

from .document import Document, Settings
from .encoding import decoded
from .parts import MAX_PART_BYTES, Joint, parts
from .whole import WholeText

# Not of Markdown, but of the programs that make pages of it: settings, in YAML or TOML.
_FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\r?\n.*?\n\1[ \t]*(?:\r?\n|\Z)", re.S)


def read(data: bytes, settings: Settings) -> Document:
    text, encoding = decoded(data)
    head = _FRONT_MATTER.match(text)
    front = head[0] if head else ""
    body = text[len(front) :]
    found = parts(body, _joints(body), MAX_PART_BYTES)
    return WholeText(Format.MARKDOWN, encoding, found, front)


def _joints(text: str) -> list[Joint]:
    """Before every outermost block, so that fences, lists and tables stay whole."""
    if len(text.encode()) <= MAX_PART_BYTES:
        return []
    from markdown_it import MarkdownIt

    starts = [0]
    # Its own lines: it takes CRLF and CR for LF before it counts.
    for line in re.split(r"(?<=\n)|(?<=\r)(?!\n)", text):
        starts.append(starts[-1] + len(line))
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [
        Joint(starts[token.map[0]])
        for token in tokens
        if token.level == 0 and token.map and token.map[0]
    ]
