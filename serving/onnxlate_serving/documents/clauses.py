"""Parts of sentences that are longer than a model reads.

Nothing is cut off: a sentence is parted where a reader would breathe, as late as the
model allows.
"""

import re
from collections.abc import Callable, Iterator

from onnxlate.answer import Span

from .characters import splits_character

_CONJUNCTIONS = (
    "and but or nor because while whereas which who that if when although "
    "und aber oder denn weil dass während wenn obwohl sondern "
    "et mais ou car que qui parce lorsque pero porque aunque cuando ma perché "
    "и но или что который потому"
)

_BREAKS = [
    re.compile(r"[;:](?=\s)|[；：]|\s[–—-](?=\s)|—"),
    re.compile(r"[,،](?=\s)|[，、]"),
    re.compile(rf"\s(?=(?:{'|'.join(_CONJUNCTIONS.split())})\s)"),
    re.compile(r"\s"),
]
"""The best places first; a part ends behind what they find."""

CHARACTERS_PER_TOKEN = 3
"""Fewer than most texts have: what is longer is mostly too long, and not counted
whole."""

NumTokens = Callable[[str], int]


def clauses(
    text: str, sentence: Span, num_tokens: NumTokens, most: int
) -> Iterator[Span]:
    """Parts of the sentence that touch, each of at most so many tokens."""
    start, end = sentence.start, sentence.end
    while not _fits(text[start:end], num_tokens, most):
        longest = _longest(text, start, end, num_tokens, most)
        if longest == end:
            break
        at = _best_break(text, start, longest)
        yield Span(start, at)
        start = at
    yield Span(start, end)


def _fits(text: str, num_tokens: NumTokens, most: int) -> bool:
    if len(text) + 2 <= most and text.isascii():
        return True  # one token each at most, one before and the end
    if len(text) <= 1:
        return True  # cannot be parted any more
    return len(text) <= most * CHARACTERS_PER_TOKEN and num_tokens(text) <= most


def _longest(text: str, start: int, end: int, num_tokens: NumTokens, most: int) -> int:
    """How far the text fits, by doubling and halving; at least one character."""
    fits, step = start + 1, 1
    # What is counted is never much longer than what fits, or texts of characters that
    # are many tokens each would take long.
    while fits + step <= end and num_tokens(text[start : fits + step]) <= most:
        fits += step
        step *= 2
    too_far = min(end, fits + step)
    if too_far == end and num_tokens(text[start:end]) <= most:
        return end
    while too_far - fits > 1:
        middle = (fits + too_far) // 2
        if num_tokens(text[start:middle]) <= most:
            fits = middle
        else:
            too_far = middle
    return fits


def _best_break(text: str, start: int, longest: int) -> int:
    earliest = start + (longest - start) // 2
    for kind in _BREAKS:
        found = [each.end() for each in kind.finditer(text, earliest, longest)]
        if found:
            return found[-1]
    at = longest
    while at > start + 1 and splits_character(text, at):
        at -= 1
    return longest if at == start + 1 else at
