"""Writes words so that Markdown takes them for words."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from markdown_it.token import Token

from .atoms import Block, Kind, Spell
from .entities import NO_BREAK_SPACE
from .markdown_inline import PARSER

SPECIAL = frozenset("\\`*_[]<~&")
"""Characters that may be marks wherever they stand; a backslash makes them words."""

_LINE_MARK = re.compile(r"(?:#{1,6}|[-+>]|\d{1,9}[.)])(?=[ \t]|\Z)|>")
_PREFIX = re.compile(r"(?:\r\n?|\n)[ \t>]*")


def in_words(block: Block) -> Spell:
    spelled = _spelled(block)
    begins = _LINE_MARK.match(block.shown)

    def spell(text: str, at: int) -> str:
        if not begins and _marks_line(text, at):
            return "\\" + text[at]
        return spelled.get(text[at], text[at])

    return spell


def in_underlined(block: Block) -> Spell:
    """In a heading with a line below it, which with a pipe might be a table's."""
    spell = in_words(block)
    return lambda text, at: "&#124;" if text[at] == "|" else spell(text, at)


def in_cell(block: Block) -> Spell:
    """Of a table."""
    spell = in_words(block)
    return lambda text, at: "\\|" if text[at] == "|" else spell(text, at)


def sound(content: str, env: dict[str, Any], in_line: bool, written: str) -> bool:
    """Whether something that is written so has the marks of the content.

    `env` knows the addresses that the document's links may have; `in_line` says whether
    it has no line of its own.
    """
    parsed = _inline if in_line else _parsed
    return _marks(parsed(content, env)) == _marks(parsed(written, env))


def _spelled(block: Block) -> dict[str, str]:
    """As the block spells them; with a backslash what it has nowhere and might be a
    mark."""
    plain: set[str] = set()
    spelled: dict[str, str] = {}
    for atom in block.atoms:
        if atom.kind is not Kind.TEXT:
            continue
        if atom.plain:
            plain.update(atom.raw)
        elif len(atom.shown) == 1 and atom.raw[0] in "\\&":
            spelled[atom.shown] = atom.raw
    for character in SPECIAL - plain:
        spelled.setdefault(character, "\\" + character)
    if "|" not in plain:
        # With a backslash, it might still be a table's.
        spelled.setdefault("|", "&#124;")
    if NO_BREAK_SPACE not in plain:
        spelled.setdefault(NO_BREAK_SPACE, "&nbsp;")
    spelled["\n"] = " "
    return spelled


def _marks_line(text: str, at: int) -> bool:
    """Whether a line that begins so would be a heading, a list or a quote by what
    stands there."""
    if at > 9:
        return False
    mark = _LINE_MARK.match(text)
    return mark is not None and at == max(0, mark.end() - 1 if text[0].isdigit() else 0)


def _parsed(text: str, env: dict[str, Any]) -> list[Token]:
    """Without the marks of lists and quotes that its lines begin with."""
    text = _PREFIX.sub("\n", text)
    tokens = PARSER.parse(text, {"references": env["references"]})
    return [*tokens, *(inner for token in tokens for inner in token.children or ())]


def _inline(text: str, env: dict[str, Any]) -> list[Token]:
    inside = PARSER.parseInline(text, {"references": env["references"]})
    return inside[0].children or []


def _marks(tokens: Iterable[Token]) -> Counter[tuple[str, ...]]:
    """What they are, as often as they are; but for words and soft line breaks."""
    found: Counter[tuple[str, ...]] = Counter()
    for token in tokens:
        if token.type in ("text", "softbreak"):
            continue
        content = token.content if token.type in ("code_inline", "html_inline") else ""
        address = str(token.attrs.get("href", token.attrs.get("src", "")))
        found[(token.type, token.markup, address, content)] += 1
    return found
