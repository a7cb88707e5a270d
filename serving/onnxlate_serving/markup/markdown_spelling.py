"""Writes words so that Markdown takes them for words."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from markdown_it.token import Token

from .atoms import SOFT_BREAK, Block, Kind, Spell
from .entities import NO_BREAK_SPACE
from .markdown_inline import PARSER

SPECIAL = frozenset("\\`*_[]<~&")
"""Characters that may be marks wherever they stand; a backslash makes them words."""

_LINE_MARK = re.compile(r"(?:#{1,6}|[-+>]|\d{1,9}[.)])(?=[ \t]|\Z)|>")
_SOFT_BREAK = re.compile(rf"(?<! ){SOFT_BREAK}(?! )")
_PREFIX = re.compile(r"(?:\r\n?|\n)[ \t>]*")


def in_words(block: Block) -> Spell:
    spelled = _spelled(block)
    begins = _LINE_MARK.match(block.shown)
    breaks = [
        atom.raw
        for atom in block.atoms
        if atom.kind is Kind.TEXT and atom.shown == SOFT_BREAK
    ]
    broken: dict[str, dict[int, str]] = {}

    def spell(text: str, at: int) -> str:
        if text not in broken:
            broken[text] = _breaks(text, breaks) | _escapes(text, breaks, not begins)
        if at in broken[text]:
            return broken[text][at]
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


def _breaks(text: str, breaks: Sequence[str]) -> dict[int, str]:
    """What is written where the lines of a translation end."""
    places: dict[int, str] = {}
    for match, raw in zip(_SOFT_BREAK.finditer(text), breaks, strict=False):
        places |= {match.start(): raw, match.start() + 1: ""}
    return places


def _escapes(text: str, breaks: Sequence[str], at_start: bool) -> dict[int, str]:
    """What is written of the words that would make a heading, a list or a quote of the
    line they begin; of the first line, if it is asked for."""
    ends = [match.end() for match in _SOFT_BREAK.finditer(text)][: len(breaks)]
    places: dict[int, str] = {}
    for start in [0, *ends] if at_start else ends:
        if mark := _LINE_MARK.match(text, start):
            at = mark.end() - 1 if text[start].isdigit() else start
            places[at] = "\\" + text[at]
    return places


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
