"""HTML: a page that is too long for one text is cut behind blocks that have ended."""

import re
from html.parser import HTMLParser

from onnxlate.answer import Format

from .document import Document, Settings
from .encoding import decoded
from .parts import MAX_PART_BYTES, Joint, parts
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


def read(data: bytes, settings: Settings) -> Document:
    charset = _CHARSET.search(data[:_HEAD_BYTES])
    text, encoding = decoded(data, charset[1].decode() if charset else None)
    found = parts(text, _joints(text), MAX_PART_BYTES)
    # What the page's encoding lacks is said by number, as browsers do in forms.
    return WholeText(Format.HTML, encoding, found, errors="xmlcharrefreplace")


def _joints(text: str) -> list[Joint]:
    if len(text.encode()) <= MAX_PART_BYTES:
        return []
    seeker = _Seeker(text)
    seeker.feed(text)
    seeker.close()
    return seeker.joints


class _Seeker(HTMLParser):
    """Finds the ends of blocks outside of what must stay together."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.joints: list[Joint] = []
        self._text = text
        self._open: list[tuple[str, bool]] = []
        """Elements, each with whether it must stay together."""
        self._starts = [0, *(m.end() for m in re.finditer("\n", text))]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not _VOID.fullmatch(tag):
            code = bool(_TOGETHER.fullmatch(tag))
            whole = code or dict(attrs).get("translate") == "no"
            self._open.append((tag, whole))

    def handle_endtag(self, tag: str) -> None:
        names = [name for name, _ in self._open]
        if tag in names:  # and with it what was left open inside of it
            last = len(names) - 1 - names[::-1].index(tag)
            del self._open[last:]
        if _BLOCKS.fullmatch(tag) and not any(whole for _, whole in self._open):
            line, column = self.getpos()
            end = self._text.find(">", self._starts[line - 1] + column) + 1
            if end:
                self.joints.append(Joint(end, depth=len(self._open)))
