"""Plain text: blank lines stand between its blocks."""

import re

from onnxlate.answer import Format

from .document import Document, Settings
from .encoding import decoded
from .parts import Joint, encoded, parts
from .whole import WholeText

PART_BYTES = 4 * 1024
"""A part is what is lost when a translation is killed, and one step of its bar."""

_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")


def read(data: bytes, settings: Settings) -> Document:
    text, encoding = decoded(data)
    joints = [Joint(match.end()) for match in _BLANK_LINES.finditer(text)]
    found = parts(text, joints, PART_BYTES, encoded(text))
    return WholeText(Format.TEXT, encoding, found)
