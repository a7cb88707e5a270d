"""HTML: a long page is cut behind blocks that have ended."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from onnxlate.answer import Format

from .document import Document, Settings
from .encoding import decoded
from .parts import PART_BYTES, Joint, Part, Range, parts
from .whole import WholeText

# Where a page says how it is written; browsers, too, look no further.
_HEAD_BYTES = 1024
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)", re.I)

_BLOCKS = re.compile(
    "address|article|aside|blockquote|caption|dd|details|div|dl|dt|figcaption|figure|"
    "footer|form|h[1-6]|header|li|main|nav|ol|p|section|table|tbody|td|tfoot|th|thead|"
    "tr|ul"
)
_VOID = re.compile("area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr")
# Whoever sees the end of one of these alone would take code for words.
_TOGETHER = re.compile("math|pre|script|style|svg|template|textarea")

LONG = 4096
"""Characters in a tag, or in what is not translated, that are not sent at all; pictures
are written into pages, and programs."""


def read(data: bytes, settings: Settings) -> Document:
    charset = _CHARSET.search(data[:_HEAD_BYTES])
    text, encoding = decoded(data, charset[1].decode() if charset else None)
    # What the page's encoding lacks is said by number, as browsers do in forms.
    return WholeText(Format.HTML, encoding, _parts(text), errors="xmlcharrefreplace")


def _parts(text: str) -> list[Part]:
    if len(text.encode()) <= PART_BYTES:
        return [Part(text)]
    seeker = _Seeker(text)
    seeker.feed(text)
    seeker.close()
    return parts(text, seeker.joints, PART_BYTES, seeker.copied, seeker.gaps)


@dataclass(frozen=True, slots=True)
class _Element:
    name: str
    start: int
    together: bool
    """Whether it must not be cut."""
    read: bool
    """Whether there are words in it."""


class _Seeker(HTMLParser):
    """Finds where a page may be cut, and what in it is not worth sending."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.joints: list[Joint] = []
        self.copied: list[Range] = []
        self.gaps: list[int] = []
        """Between tags, outside of what must stay together."""
        self._text = text
        self._open: list[_Element] = []
        self._starts = [0, *(m.end() for m in re.finditer("\n", text))]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        start = self._position()
        self._gap(start)
        end = start + len(self.get_starttag_text() or "")
        if end - start >= LONG:
            self._copy(start, end)
        if not _VOID.fullmatch(tag):
            given = dict(attrs)
            kept = given.get("translate") == "no" or "notranslate" in (
                given.get("class") or ""
            )
            together = bool(_TOGETHER.fullmatch(tag)) or kept
            read = not together or (tag in ("pre", "textarea") and not kept)
            self._open.append(_Element(tag, start, together, read))

    def handle_endtag(self, tag: str) -> None:
        start = self._position()
        end = self._text.find(">", start) + 1 or len(self._text)
        names = [element.name for element in self._open]
        if tag in names:  # and with it what was left open inside of it
            last = len(names) - 1 - names[::-1].index(tag)
            element = self._open[last]
            del self._open[last:]
            if not element.read and end - element.start >= LONG:
                self._copy(element.start, end)
        if self._gap(end) and _BLOCKS.fullmatch(tag):
            self.joints.append(Joint(end, depth=len(self._open)))

    def _gap(self, at: int) -> bool:
        """Whether the page may be cut there at all."""
        free = not any(element.together for element in self._open)
        if free:
            self.gaps.append(at)
        return free

    def _copy(self, start: int, end: int) -> None:
        """And nothing that stands in it once more."""
        while self.copied and self.copied[-1][0] >= start:
            self.copied.pop()
        if not self.copied or self.copied[-1][1] <= start:
            self.copied.append((start, end))

    def _position(self) -> int:
        line, column = self.getpos()
        return self._starts[line - 1] + column
