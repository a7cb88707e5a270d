"""Where words stand in WordprocessingML (ECMA-376, part 1, 17.3).

Expat says at which byte each element begins, so that words can be changed without
writing anything else anew.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from onnxlate.errors import DocumentError

_NAMESPACES = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
)
# They stand between words and end a line, or put the rest at a tab stop.
_BREAKS = frozenset({"br", "cr", "tab", "ptab"})
# What was there before somebody's tracked change, and the reading of a character.
_UNREAD = frozenset({"del", "moveFrom", "rt"})
# Parts of a run's format that nobody sees.
_INVISIBLE = re.compile(rb"<\w+:(?:lang|noProof|rtl|cs)\b[^>]*/>")


@dataclass(frozen=True, slots=True)
class Words:
    """What stands in one w:t element."""

    start: int
    """Byte at which the element begins,"""
    end: int
    """and that of its end tag."""
    tag: bytes
    """Its start tag."""
    text: str
    look: object
    """Equal for words that look the same."""


@dataclass(slots=True)
class Line:
    """A paragraph, or what stands between two breaks of one."""

    paragraph: int
    """Number of its paragraph in the part, counted from 1."""
    words: list[Words] = field(default_factory=list)


def lines_of(xml: bytes) -> Iterator[Line]:
    reader = _Reader(xml)
    reader.read()
    return (line for line in reader.lines if line.words)


class _Reader:
    def __init__(self, xml: bytes) -> None:
        self.lines: list[Line] = []
        self._xml = xml
        self._paragraphs: list[Line] = []
        """The line under way of each open paragraph; text boxes stand in paragraphs."""
        self._num_paragraphs = 0
        self._look = b""
        self._look_start = 0
        self._links: list[int] = []
        """Where open hyperlinks begin."""
        self._unread = 0
        self._start = 0
        self._text_start: int | None = None
        self._texts: list[str] | None = None

    def read(self) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        self._parser = parser
        parser.StartElementHandler = self._start_element
        parser.EndElementHandler = self._end_element
        parser.CharacterDataHandler = self._characters
        parser.XmlDeclHandler = _require_utf8
        parser.StartDoctypeDeclHandler = _refuse_doctype
        try:
            parser.Parse(self._xml, True)
        except expat.ExpatError as cause:
            raise DocumentError(f"its XML is damaged: {cause}") from cause

    def _start_element(self, name: str, attributes: dict[str, str]) -> None:
        at = self._parser.CurrentByteIndex
        match _word_name(name):
            case "p":
                self._num_paragraphs += 1
                self._paragraphs.append(self._new_line(self._num_paragraphs))
            case "r":
                self._look = b""
            case "rPr":
                self._look_start = at
            case "hyperlink":
                self._links.append(at)
            case "t" if self._paragraphs and not self._unread:
                self._start, self._text_start, self._texts = at, None, []
            case tag if tag in _UNREAD:
                self._unread += 1
            case tag if tag in _BREAKS and self._paragraphs:
                self._paragraphs[-1] = self._new_line(self._paragraphs[-1].paragraph)

    def _end_element(self, name: str) -> None:
        at = self._parser.CurrentByteIndex
        match _word_name(name):
            case "p":
                self._paragraphs.pop()
            case "rPr":
                self._look = _INVISIBLE.sub(b"", self._xml[self._look_start : at])
            case "hyperlink":
                self._links.pop()
            case "t" if self._texts is not None:
                self._end_text(at)
            case tag if tag in _UNREAD:
                self._unread -= 1

    def _characters(self, text: str) -> None:
        if self._texts is not None:
            if self._text_start is None:
                self._text_start = self._parser.CurrentByteIndex
            self._texts.append(text)

    def _end_text(self, at: int) -> None:
        if self._texts and self._text_start is not None:
            tag = self._xml[self._start : self._text_start]
            look = (self._look, tuple(self._links))
            words = Words(self._start, at, tag, "".join(self._texts), look)
            self._paragraphs[-1].words.append(words)
        self._texts = None

    def _new_line(self, paragraph: int) -> Line:
        line = Line(paragraph)
        self.lines.append(line)
        return line


def _word_name(name: str) -> str | None:
    """The element's own name, if it is one of a word processor's."""
    namespace, _, local = name.rpartition(" ")
    return local if namespace in _NAMESPACES else None


def _require_utf8(version: str, encoding: str | None, standalone: int) -> None:
    if encoding and encoding.lower() not in ("utf-8", "us-ascii"):
        raise DocumentError(f"its XML is in {encoding}; Word writes UTF-8")


def _refuse_doctype(*_: Any) -> None:
    raise DocumentError(
        "its XML declares a document type, which no word processor does"
    )
