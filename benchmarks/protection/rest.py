"""What a translation comes to without the items that were put into its source."""

import re
from collections.abc import Iterable

from onnxlate.answer import Span

from .inserting import Item

_MARKS_BEFORE = re.compile(r"\s*[(:,]?\s*$")
_MARKS_BEHIND = re.compile(r"\)?")
_MARKS_BEHIND_FRONT = re.compile(r"\s*[:,-]?\s*")


def without_items(text: str, items: Iterable[tuple[Item, Span]]) -> str:
    """Nor the marks that came with those that were added."""
    for item, span in sorted(items, key=lambda each: -each[1].start):
        before, behind = text[: span.start], text[span.end :]
        if item.place == "in front":
            behind = _MARKS_BEHIND_FRONT.sub("", behind, count=1)
        elif not item.replaced:
            before = _MARKS_BEFORE.sub("", before)
            behind = _MARKS_BEHIND.sub("", behind, count=1)
        text = before + behind
    return tidy(text)


def without_words(text: str, items: Iterable[Item]) -> str:
    """Of the translation of the plain sentence: without what items stand for."""
    for item in items:
        if item.replaced:
            word = rf"(?i)\b{re.escape(item.replaced)}\b"
            text = re.sub(word, "", text, count=1)
    return tidy(text)


def tidy(text: str) -> str:
    return " ".join(text.split())
