"""HTML cut into tags, words and the rest, as browsers cut it.

The rules are those of https://html.spec.whatwg.org/multipage/parsing.html, section
13.2.5, but for this: what is only copied may be taken in larger pieces, as a CDATA
section outside of SVG is. Every character is in exactly one token, and time is linear,
whatever the input.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

BLANKS = re.compile(r"[ \t\n\f\r]*")
BEFORE_ATTRIBUTE = re.compile(r"[ \t\n\f\r/]*")
TAG_NAME = re.compile(r"[^ \t\n\f\r/>]*")
ATTRIBUTE_NAME = re.compile(r"[^ \t\n\f\r/>][^ \t\n\f\r/>=]*")
BARE_VALUE = re.compile(r"[^ \t\n\f\r>]*")
COMMENT_END = re.compile(r"--!?>")
MARK = re.compile(r"<[A-Za-z/!?]")
SCRIPT_TURN = re.compile(r"<!(?=--)|-->|<(/?)script(?=[ \t\n\f\r/>])", re.IGNORECASE)

RAW = frozenset({"style", "xmp", "iframe", "noembed", "noframes", "script"})
"""Elements whose content is neither marks nor references."""
WORDS_ONLY = frozenset({"title", "textarea"})
"""Elements whose content is words and references, no marks."""


class What(Enum):
    WORDS = auto()
    START = auto()
    END = auto()
    OTHER = auto()
    """Comments, declarations, scripts: whatever is none of the others."""
    UNFINISHED = auto()
    """A tag that the text ends in."""


@dataclass(frozen=True, slots=True)
class Attribute:
    name: str
    """In lower case."""
    start: int
    """Where in the text its value begins, after the quote."""
    end: int
    quote: str
    """" or '; "" if its value is bare, or missing."""


@dataclass(frozen=True, slots=True)
class Token:
    what: What
    start: int
    end: int
    name: str = ""
    """Of a tag, in lower case."""
    attributes: tuple[Attribute, ...] = ()
    closed: bool = False
    """Whether it is a `<tag/>`."""


def tokens_of(text: str) -> Iterator[Token]:
    return Tokenizer(text).tokens()


class Tokenizer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[str, int] = {}

    def tokens(self) -> Iterator[Token]:
        at = words = 0
        while (at := self._text.find("<", at)) >= 0:
            token = self._markup(at)
            if token is None:
                at += 1
                continue
            if words < at:
                yield Token(What.WORDS, words, at)
            yield token
            at = words = token.end
            if token.what is What.START and token.name in RAW | WORDS_ONLY:
                end = self._content_end(token.name, at)
                if at < end:
                    words_only = token.name in WORDS_ONLY and not self._has_marks(
                        at, end
                    )
                    yield Token(What.WORDS if words_only else What.OTHER, at, end)
                at = words = end
            elif token.what is What.START and token.name == "plaintext":
                at = words = len(self._text)
                yield Token(What.OTHER, token.end, at)
        if words < len(self._text):
            yield Token(What.WORDS, words, len(self._text))

    def _markup(self, at: int) -> Token | None:
        """What begins with the < there; None if that is a word."""
        text = self._text
        follows = text[at + 1 : at + 2]
        if follows.isascii() and follows.isalpha():
            return self._tag(What.START, at, at + 1)
        if follows == "/":
            name = text[at + 2 : at + 3]
            if name.isascii() and name.isalpha():
                return self._tag(What.END, at, at + 2)
            return self._other(at, ">") if name else None
        if follows == "!":
            return self._declaration(at)
        if follows == "?":
            return self._other(at, "?>", ">")
        return None

    def _declaration(self, at: int) -> Token:
        text = self._text
        if text.startswith("<![CDATA[", at):
            return self._other(at, "]]>", ">")
        if not text.startswith("<!--", at):
            return self._other(at, ">")
        for empty in ("<!-->", "<!--->"):
            if text.startswith(empty, at):
                return Token(What.OTHER, at, at + len(empty))
        end = COMMENT_END.search(text, at + 4)
        return Token(What.OTHER, at, end.end() if end else len(text))

    def _other(self, at: int, *ends: str) -> Token:
        """To the first of those that there is, or the end of the text."""
        for end in ends:
            found = self._find(end, at)
            if found >= 0:
                return Token(What.OTHER, at, found + len(end))
        return Token(What.OTHER, at, len(self._text))

    def _find(self, what: str, at: int) -> int:
        """As str.find, but asked often it is not slow: what lies ahead is known."""
        known = self._found.get(what, 0)
        if 0 <= known < at or what not in self._found:
            known = self._found[what] = self._text.find(what, at)
        return known

    def _tag(self, what: What, start: int, at: int) -> Token:
        text = self._text
        at, name = _match(TAG_NAME, text, at)
        attributes: list[Attribute] = []
        closed = False
        while True:
            at, before = _match(BEFORE_ATTRIBUTE, text, at)
            if before:
                closed = before.endswith("/")
            if at == len(text):
                return Token(What.UNFINISHED, start, at)
            if text[at] == ">":
                break
            closed = False
            attribute, at = self._attribute(at)
            if attribute is None:
                return Token(What.UNFINISHED, start, len(text))
            attributes.append(attribute)
        return Token(what, start, at + 1, name.lower(), tuple(attributes), closed)

    def _attribute(self, at: int) -> tuple[Attribute | None, int]:
        """None if the text ends in it; and where it ends."""
        text = self._text
        at, name = _match(ATTRIBUTE_NAME, text, at)
        name = name.lower()
        equals = _match(BLANKS, text, at)[0]
        if text[equals : equals + 1] != "=":
            return Attribute(name, at, at, ""), at
        at = _match(BLANKS, text, equals + 1)[0]
        quote = text[at : at + 1]
        if quote not in ('"', "'") or not quote:
            end = _match(BARE_VALUE, text, at)[0]
            return Attribute(name, at, end, ""), end
        end = text.find(quote, at + 1)
        if end < 0:
            return None, end
        return Attribute(name, at + 1, end, quote), end + 1

    def _content_end(self, name: str, at: int) -> int:
        """Where the end tag of such an element begins."""
        if name == "script":
            return self._script_end(at)
        pattern = re.compile(f"</{name}(?=[ \t\n\f\r/>])", re.IGNORECASE)
        found = pattern.search(self._text, at)
        return found.start() if found else len(self._text)

    def _has_marks(self, start: int, end: int) -> bool:
        """Whether it would have any if the element were not open: in a <select>, for
        one, browsers do not heed a <title>."""
        return MARK.search(self._text, start, end) is not None

    def _script_end(self, at: int) -> int:
        """A script in a comment in a script does not end it."""
        commented = inner = False
        for turn in SCRIPT_TURN.finditer(self._text, at):
            if turn[0] == "<!":
                commented = True
            elif turn[0] == "-->":
                commented = inner = False
            elif not turn[1]:
                inner = commented
            elif inner:
                inner = False
            else:
                return turn.start()
        return len(self._text)


def _match(pattern: re.Pattern[str], text: str, at: int) -> tuple[int, str]:
    found = pattern.match(text, at)
    return (found.end(), found[0]) if found else (at, "")
