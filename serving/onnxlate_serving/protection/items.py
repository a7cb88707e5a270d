"""Finds what is to be protected."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from onnxlate.answer import ItemKind, Span

from ..glossary import Match
from .patterns import SYMBOLS, WORDS, WORDY, may_have_items, pattern

CLOSING = {")": "(", "]": "[", "}": "{"}
OPENING = tuple(CLOSING.values())
BEHIND_A_URL = ".,;:!?'’*_~…"
"""Marks that end the sentence or the emphasis around a URL, not the URL."""


@dataclass(frozen=True, slots=True)
class Item:
    """What comes out as it went in."""

    kind: ItemKind
    span: Span
    text: str


class Finder:
    """Knows a language's items."""

    def __init__(self, language: str) -> None:
        self._pattern = pattern(language)

    def items(
        self, text: str, phrases: Sequence[str] = (), everything: bool = True
    ) -> list[Item]:
        """In order; none overlaps or is in another. Unless `everything`, the phrases
        alone."""
        items: list[Item] = []
        if everything and may_have_items(text):
            items = list(self._found(text))
        if listed := phrases_in(text, phrases):
            symbols = symbols_in(text)  # lest they be taken for those of the phrases
            items = united(text, [*items, *symbols, *listed])
        return items

    def _found(self, text: str) -> Iterator[Item]:
        at = 0
        while match := self._pattern.search(text, at):
            assert match.lastgroup
            kind = ItemKind[match.lastgroup]
            start, at = match.span()
            if kind is ItemKind.URL:
                at = start + len(trimmed(match[0]))
            yield Item(kind, Span(start, at), text[start:at])


def trimmed(url: str) -> str:
    """Without the marks and brackets that only stand behind it."""
    end = _end_of_brackets(url)
    while end and url[end - 1] in BEHIND_A_URL:
        end -= 1
    return url[:end].removesuffix("'s").removesuffix("’s")


def _end_of_brackets(url: str) -> int:
    """Where the first bracket is closed that was not opened in it."""
    depth = dict.fromkeys(OPENING, 0)
    for at, character in enumerate(url):
        if character in depth:
            depth[character] += 1
        elif opening := CLOSING.get(character):
            depth[opening] -= 1
            if depth[opening] < 0:
                return at
    return len(url)


def united(text: str, items: Iterable[Item]) -> list[Item]:
    """Those that overlap become one."""
    one: list[Item] = []
    for item in sorted(items, key=lambda each: (each.span.start, -each.span.end)):
        if not one or one[-1].span.end <= item.span.start:
            one.append(item)
        elif one[-1].span.end < item.span.end:
            span = Span(one[-1].span.start, item.span.end)
            one[-1] = Item(ItemKind.PHRASE, span, span.of(text))
    return one


def outside_terms(items: Iterable[Item], terms: Sequence[Match]) -> list[Item]:
    """Without the numbers of terms: that of "Windows 11" is the glossary's business."""
    return [
        item
        for item in items
        if item.kind is not ItemKind.NUMBER
        or not any(
            each.source.start <= item.span.start and item.span.end <= each.source.end
            for each in terms
        )
    ]


def inside_items(terms: Iterable[Match], items: Sequence[Item]) -> list[Match]:
    """The terms that what is kept has characters of: nobody translates those."""
    return [
        term for term in terms if any(overlap(term.source, item.span) for item in items)
    ]


def overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def phrases_in(text: str, phrases: Sequence[str]) -> list[Item]:
    """Wherever they stand as words of their own, in any order."""
    if not phrases:
        return []
    inside = _inside_words(text)
    return [
        Item(ItemKind.PHRASE, Span(at, at + len(phrase)), phrase)
        for phrase in phrases
        for at in _places(text, phrase, inside)
    ]


def symbols_in(text: str) -> list[Item]:
    """What looks as if it stood for an item, and came with the text."""
    return [
        Item(ItemKind.PLACEHOLDER, Span(*match.span()), match[0])
        for match in SYMBOLS.finditer(text)
    ]


def _places(text: str, phrase: str, inside: bytes) -> Iterator[int]:
    at = text.find(phrase)
    while at >= 0:
        end = next_at = at + len(phrase)
        if inside[at]:  # a long word may have it many times
            next_at = inside.find(0, at)
        elif inside[end]:
            next_at = at + 1
        else:
            yield at
        at = text.find(phrase, next_at)


def _inside_words(text: str) -> bytes:
    """By place, whether a word goes on there; as `joined`."""
    inside = bytearray(len(text) + 1)
    for word in WORDS.finditer(text):
        start, end = word.span()
        inside[start + 1 : end] = b"\1" * (end - start - 1)
    return bytes(inside)


def joined(text: str, at: int) -> bool:
    """Whether a word goes on there."""
    return bool(
        0 < at < len(text) and WORDY.match(text, at - 1) and WORDY.match(text, at)
    )
