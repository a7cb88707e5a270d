"""Files that are text all over, as units that are translated on their own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from onnxlate.answer import Format
from onnxlate.errors import InvalidRequest

FORMATS = {
    ".txt": Format.TEXT,
    ".md": Format.MARKDOWN,
    ".html": Format.HTML,
}

SUFFIXES = tuple(FORMATS)

UNIT_BYTES = 4 * 1024
"""Of plain text, cut where lines are blank; a step of the progress bar."""

_BLANK_LINES = re.compile(r"(?<=\n)(?:[^\S\n]*\n)+")


@dataclass(frozen=True, slots=True)
class Document:
    """Units that concatenate to the file."""

    format: Format
    units: Sequence[str]

    def rebuilt(self, answers: Sequence[str]) -> bytes:
        return "".join(answers).encode()


def open_document(name: str, data: bytes) -> Document:
    """Raises InvalidRequest if it is none that can be translated."""
    format = FORMATS.get(PurePath(name).suffix.lower())
    if format is None:
        raise InvalidRequest(f"only {' '.join(SUFFIXES)} files can be translated")
    try:
        text = data.decode()
    except UnicodeDecodeError as cause:
        raise InvalidRequest(
            f"byte {cause.start} of the file is not UTF-8, which it must be"
        ) from cause
    return Document(format, _paragraphs(text) if format is Format.TEXT else [text])


def _paragraphs(text: str) -> list[str]:
    units, start, size = [], 0, 0
    ends = [match.end() for match in _BLANK_LINES.finditer(text)]
    at = 0
    for end in [*ends, len(text)]:
        more = len(text[at:end].encode())
        if start < at and size + more > UNIT_BYTES:
            units.append(text[start:at])
            start, size = at, 0
        at, size = end, size + more
    return [*units, text[start:]] if start < len(text) else units
