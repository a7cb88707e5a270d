"""Where the words of a text are, and which tokens make them.

In any script, without a dictionary: what a vocabulary cuts into pieces is put together
again, and what it does not take apart stays one.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from .answer import Span


@dataclass(frozen=True, slots=True)
class Word:
    span: Span
    tokens: tuple[int, ...]
    """Places of its tokens among all of the text's, in order."""


def words_of(text: str, tokens: Sequence[Span]) -> list[Word]:
    """The words that tokens are parts of; `tokens` are in order of the text.

    A word is a run of letters and digits, in scripts without spaces a character, and
    each other sign by itself; what one token has in common is one word. A token of
    nothing but white space belongs to the token behind it.
    """
    atoms = _atoms(text)
    words: list[Word] = []
    first = 0
    waiting: list[int] = []
    for place, token in enumerate(tokens):
        while first < len(atoms) and atoms[first].end <= token.start:
            first += 1
        touched = first
        while touched < len(atoms) and atoms[touched].start < token.end:
            touched += 1
        if touched == first:  # none: white space, or the end
            waiting.append(place)
            continue
        span = Span(atoms[first].start, atoms[touched - 1].end)
        own = (*waiting, place)
        waiting.clear()
        if words and words[-1].span.end > span.start:
            last = words.pop()
            span = Span(last.span.start, max(last.span.end, span.end))
            own = last.tokens + own
        words.append(Word(span, own))
    return words


def _atoms(text: str) -> list[Span]:
    """Runs of letters and single signs; white space is nothing."""
    atoms: list[Span] = []
    kind = "space"  # of what ends right before
    for at, character in enumerate(text):
        here = _kind(character)
        if kind != "space" and _goes_on(text, at, here, kind):
            atoms[-1] = Span(atoms[-1].start, at + 1)
            continue
        kind = "space" if here == "joined" else here
        if kind != "space":
            atoms.append(Span(at, at + 1))
    return atoms


def _goes_on(text: str, at: int, here: str, before: str) -> bool:
    """Whether the character is a part of what ends right before it."""
    if here == "joined" or text[at - 1] == ZERO_WIDTH_JOINER:
        return True
    if before != "letter" or here == "letter":
        return before == here == "letter"
    follows = text[at + 1 : at + 2]
    if text[at] in APOSTROPHES:  # don't, l'eau
        return _kind(follows) == "letter"
    # 3.14 and 10,000
    return text[at] in ".," and text[at - 1].isdecimal() and follows.isdecimal()


ZERO_WIDTH_JOINER = "\u200d"
ZERO_WIDTH_SPACE = "\u200b"
APOSTROPHES = "'\u2019"

UNSPACED = (
    *("CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC"),
    *("THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN"),
)
"""How names of letters begin in scripts without spaces between words."""


def _kind(character: str) -> str:
    """ "letter", "sign", "space", or "joined" to what stands before it."""
    if not character or character.isspace() or character == ZERO_WIDTH_SPACE:
        return "space"
    category = unicodedata.category(character)
    # Accents, variation selectors; joiners; tones of skin.
    if category[0] == "M" or category == "Cf":
        return "joined"
    if category == "Sk" and not character.isascii():
        return "joined"
    if category[0] in "LN":
        unspaced = unicodedata.name(character, "").startswith(UNSPACED)
        return "sign" if unspaced else "letter"
    return "space" if category[0] in "ZC" else "sign"
