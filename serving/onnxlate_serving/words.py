"""Where words begin and end in a text."""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache


def joined(before: str, after: str) -> bool:
    """Whether two characters, one behind the other, are of one word."""
    return _of_a_word(before) and _of_a_word(after)


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether neither side of text[start:end] goes on with a word of it."""
    left = start > 0 and joined(text[start - 1], text[start])
    right = end < len(text) and joined(text[end - 1], text[end])
    return not (left or right)


def occurrences(part: str, text: str) -> Iterator[int]:
    """Where it begins in a text, those that overlap others too."""
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def places(phrase: str, text: str) -> Iterator[int]:
    """Where a phrase begins in a text, as words of its own."""
    for at in occurrences(phrase, text):
        if stands_alone(text, at, at + len(phrase)):
            yield at


@lru_cache(4096)
def _of_a_word(character: str) -> bool:
    # Chinese and Japanese have no spaces: each character may begin a word.
    if unicodedata.east_asian_width(character) in "WF":
        return False
    category = unicodedata.category(character)
    return category[0] in "LNM" or character == "_"
