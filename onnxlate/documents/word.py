"""DOCX: paragraphs of the text, of tables, headers, footers and notes.

A package of parts. Those with paragraphs get new words between the very tags they had;
all others go through byte for byte.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from xml.sax.saxutils import escape

from onnxlate.answer import Format
from onnxlate.errors import DocumentError

from .division import divided
from .document import Answer, Document, Rebuilt, Settings, Unit, worth_translating
from .patches import Patch, patched
from .word_xml import Line, Words, lines_of
from .worth import Place

_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,  # names that are no text, places before the file's beginning
    OverflowError,
    RuntimeError,  # a password
    NotImplementedError,
)

_CONTENT_TYPES = "[Content_Types].xml"
_PART = re.compile(
    r"<Override\b(?=[^>]*\bContentType=\"[^\"]*wordprocessingml\."
    r"(document|template|header|footer|footnotes|endnotes)(?:\.main)?\+xml\")"
    r"[^>]*\bPartName=\"/([^\"]+)\""
)
_LABELS = {
    "document": "paragraph",
    "template": "paragraph",
    "header": "header, paragraph",
    "footer": "footer, paragraph",
    "footnotes": "footnotes, paragraph",
    "endnotes": "endnotes, paragraph",
}


MAX_TIMES = 8
"""How much larger its parts may be, unpacked, than the file,"""
SMALL_BYTES = 64 * 1024 * 1024
"""unless they are small: a few bytes can be packed that fill any memory."""


def read(data: bytes, settings: Settings) -> Document:
    contents = _unpacked(data)
    by_name = {info.filename: content for info, content in contents}
    parts = [
        _Part(name, _LABELS[kind], by_name[name], list(lines_of(by_name[name])))
        for kind, name in _PART.findall(_types(by_name))
        if name in by_name
    ]
    if not any(part.label == "paragraph" for part in parts):
        raise DocumentError("it is not DOCX: no part of it is a document's text")
    return _Package(contents, sorted(parts, key=_order))


def _unpacked(data: bytes) -> list[tuple[zipfile.ZipInfo, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            parts = package.infolist()
            size = sum(each.file_size for each in parts)
            if size > max(SMALL_BYTES, MAX_TIMES * len(data)):
                raise DocumentError(
                    f"it has {size} bytes when unpacked, which is more than "
                    f"{MAX_TIMES} times the file"
                )
            return [(each, _content(package, each)) for each in parts]
    except _DAMAGES as cause:
        raise DocumentError(
            f"it is not DOCX, or damaged: {cause}; files of old Word, or with a "
            "password, must be saved as DOCX without one"
        ) from cause


def _content(package: zipfile.ZipFile, part: zipfile.ZipInfo) -> bytes:
    """No more than it is said to have, whatever is packed there."""
    if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotImplementedError("it is packed in a way that Word does not know")
    with package.open(part) as packed:
        return packed.read(part.file_size)


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    label: str
    content: bytes
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class _Package:
    contents: Sequence[tuple[zipfile.ZipInfo, bytes]]
    parts: Sequence[_Part]
    format: Format = Format.TEXT

    @property
    def units(self) -> list[Unit]:
        return [
            Unit(
                _text(line),
                f"{part.label} {line.paragraph}",
                aligned=len({words.look for words in line.words}) > 1,
            )
            for part, line in self._lines()
        ]

    def rebuilt(self, answers: Sequence[Answer]) -> Rebuilt:
        patches: dict[str, list[Patch[bytes]]] = {}
        for (part, line), answer in zip(self._lines(), answers, strict=True):
            patches.setdefault(part.name, []).extend(_patches(line, answer))
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w") as package:
            for info, content in self.contents:
                new = patched(content, patches.get(info.filename, ()))
                package.writestr(copy(info), new)
        return Rebuilt(written.getvalue())

    def _lines(self) -> Iterator[tuple[_Part, Line]]:
        for part in self.parts:
            for line in part.lines:
                if worth_translating(_text(line)):
                    yield part, line


def _text(line: Line) -> str:
    return "".join(words.text for words in line.words)


def _patches(line: Line, answer: Answer) -> Iterator[Patch[bytes]]:
    places = [Place(words.text, words.look) for words in line.words]
    text = answer.text
    if text != _text(line):
        # A line end would be a blank in Word; it is one of ours, or none at all.
        text = " ".join(text.splitlines())
    pieces = divided(text, places, answer.links)
    for words, piece in zip(line.words, pieces, strict=True):
        if piece != words.text:
            yield Patch(words.start, words.end, _element(words, piece))


def _element(words: Words, text: str) -> bytes:
    """The element of these words with others in it."""
    tag = words.tag
    if text != text.strip() and b"xml:space" not in tag:
        tag = tag[:-1] + b' xml:space="preserve">'
    return tag + escape(text).encode()


def _types(by_name: dict[str, bytes]) -> str:
    return by_name.get(_CONTENT_TYPES, b"").decode("utf-8", "replace")


def _order(part: _Part) -> tuple[bool, str]:
    return part.label != "paragraph", part.name
