"""Markdown: a long file is cut between its blocks."""

import re
from collections.abc import Sequence

from onnxlate.answer import Format

from .document import Document, Settings
from .encoding import decoded
from .parts import MAX_PART_BYTES, PART_BYTES, Joint, Part, Range, encoded, parts
from .whole import WholeText

# Not of Markdown, but of the programs that make pages of it: settings, in YAML or TOML.
_FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\r?\n.*?\n\1[ \t]*(?:\r?\n|\Z)", re.S)

_DEFINITION = re.compile(r"^ {0,3}\[[^\]\n]+\]:", re.M)
_CODE = ("fence", "code_block")


def read(data: bytes, settings: Settings) -> Document:
    text, encoding = decoded(data)
    head = _FRONT_MATTER.match(text)
    front = head[0] if head else ""
    return WholeText(Format.MARKDOWN, encoding, _parts(text[len(front) :]), front)


def _parts(text: str) -> list[Part]:
    """The text; or, where it is long, some of its outermost blocks, and no code."""
    # A link to a definition elsewhere is one only where the definition is.
    wanted_bytes = MAX_PART_BYTES if _DEFINITION.search(text) else PART_BYTES
    if len(text.encode()) <= wanted_bytes:
        return [Part(text)]
    from markdown_it import MarkdownIt

    starts = [0]
    # Its own lines: it takes CRLF and CR for LF before it counts.
    for line in re.split(r"(?<=\n)|(?<=\r)(?!\n)", text):
        starts.append(starts[-1] + len(line))
    joints: list[Joint] = []
    code: list[Range] = []
    # Only blocks are wanted, and what is within takes most of the time.
    blocks = MarkdownIt("commonmark").enable("table").disable("inline")
    for token in blocks.parse(text):
        if token.level == 0 and token.map:
            start, end = (starts[line] for line in token.map)
            joints.append(Joint(start))
            if token.type in _CODE:
                code.append((start, end))
    words = _outside(code, encoded(text))
    return parts(text, joints, wanted_bytes, sorted([*code, *words]))


def _outside(ranges: Sequence[Range], others: Sequence[Range]) -> list[Range]:
    """The others that touch none of the ranges."""
    return [
        (start, end)
        for start, end in others
        if all(end <= first or last <= start for first, last in ranges)
    ]
