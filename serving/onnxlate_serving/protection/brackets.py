"""Items in brackets in the middle of a sentence: "Ask Tom (tom@example.org) today."

A sentence is translated better without them, and where they belong in the translation
is mostly plain: behind the same name or item, or in front of the same comma.
"""

import re
from dataclasses import dataclass, replace

from onnxlate.answer import Span

from .apart import Setting
from .case import Case
from .frame import BRACKETS, end_of_words
from .items import Item
from .offsets import OffsetMap, Rewriter
from .seams import stands_alone

MAX_WORD = 40
_LAST_WORD = re.compile(r"\w+$")
_NAME = re.compile(r"[^\W\d_]{5}|\d")
"""What is the same word in both languages, if both have it and it begins with this; or
with a capital letter. Shorter ones may be others: "die"."""


@dataclass(frozen=True, slots=True)
class Aside:
    item: Item
    span: Span
    """In the source; with the brackets, and the blank before."""
    anchor: str
    """What stands before it: a word or an item."""
    comma: int
    """Which comma of the rest stands behind it; 0 is none, 1 the first."""


@dataclass(frozen=True, slots=True)
class Asides:
    case: Case
    asides: tuple[Aside, ...]
    rest: Case
    to_source: OffsetMap
    """From the rest."""

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(each.item for each in self.asides)

    def where_they_were(self, translation: str) -> Setting | None:
        """None where that is not plain."""
        places = [self._place(each, translation) for each in self.asides]
        found = [each for each in places if each is not None]
        return self._put(translation, found) if len(found) == len(places) else None

    def at_the_end(self, translation: str) -> Setting:
        end = end_of_words(translation, self.rest.items)
        return self._put(translation, [end] * len(self.asides))

    def _place(self, aside: Aside, translation: str) -> int | None:
        at = _only(aside.anchor, self.rest.text)
        if at is not None and (at := _only(aside.anchor, translation)) is not None:
            return at
        commas = [match.start() for match in re.finditer(", ", translation)]
        same = len(commas) == self.rest.text.count(", ")
        return commas[aside.comma - 1] if same and aside.comma else None

    def _put(self, translation: str, places: list[int]) -> Setting:
        rewriter = Rewriter(translation)
        items: dict[int, Span] = {}
        for index in sorted(range(len(places)), key=places.__getitem__):
            aside, at = self.asides[index], Span(places[index], places[index])
            there = rewriter.swap(at, aside.span.of(self.case.text))
            items[index] = Span(there.start + 2, there.end - 1)
        spans = tuple(items[index] for index in range(len(places)))
        return Setting(rewriter.finish(), rewriter.to_new(), spans)


def set_aside(case: Case) -> Asides | None:
    """None if there are none in brackets."""
    rewriter = Rewriter(case.text)
    removed: list[tuple[Item, Span]] = []
    items: list[Item] = []
    for item in case.items:
        span = Span(item.span.start - 2, item.span.end + 1)
        if _is_bracketed(case.text, span):
            rewriter.swap(span, "")
            removed.append((item, span))
        else:
            items.append(replace(item, span=rewriter.copied(item.span)))
    if not removed:
        return None
    text = rewriter.finish()
    rest = replace(case, text=text, items=tuple(items))
    to_new = rewriter.to_new()
    asides = tuple(
        _aside(item, span, rest, to_new.span(span).start) for item, span in removed
    )
    return Asides(case, asides, rest, rewriter.to_old())


def _aside(item: Item, span: Span, rest: Case, at: int) -> Aside:
    """`at` is where it was in the rest."""
    anchor = next((each.text for each in rest.items if each.span.end == at), "")
    match = _LAST_WORD.search(rest.text, max(0, at - MAX_WORD), at)
    if not anchor and match and _is_name(match[0]):
        anchor = match[0]
    comma = rest.text.count(", ", 0, at) + 1 if rest.text[at:][:2] == ", " else 0
    return Aside(item, span, anchor, comma)


def _is_name(word: str) -> bool:
    return word[0].isupper() or bool(_NAME.match(word))


def _is_bracketed(text: str, span: Span) -> bool:
    part = span.of(text)
    return span.start > 0 and part[0].isspace() and BRACKETS.get(part[1]) == part[-1]


def _only(word: str, text: str) -> int | None:
    """Where the only one of such a word in a text ends."""
    at = text.find(word) if word else -1
    if at < 0 or text.find(word, at + 1) >= 0:
        return None
    end = at + len(word)
    return end if stands_alone(text, Span(at, end)) else None
