"""Plain text: blank lines stand between its blocks."""

import re

from onnxlate.answer import Format

from .document import Document, Settings
from .encoding import decoded
from .parts import PART_BYTES, Joint, encoded, parts
from .whole import WholeText

_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")


def read(data: bytes, settings: Settings) -> Document:
    text, encoding = decoded(data)
    joints = [Joint(match.end()) for match in _BLANK_LINES.finditer(text)]
    found = parts(text, joints, PART_BYTES, encoded(text))
    return WholeText(Format.TEXT, encoding, found)
