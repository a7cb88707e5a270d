"""Cuts a sentence at its items and translates what is between by itself: no item can
be lost, and the sentence reads as if several people had written it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from onnxlate.answer import Span

from ..translation import Translation
from .case import Ask, Case
from .items import joined
from .joint import ENDS, Joint

_MARKS_BEFORE = re.compile(r"(?:['’]s\b)?\W*")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the source: words to translate, or something to copy."""

    span: Span
    copied: bool


class InPieces:
    name = "pieces"

    def __init__(
        self, case: Case, pieces: Sequence[Piece], length_penalty: float
    ) -> None:
        self._case = case
        self._length_penalty = length_penalty
        self._pieces = pieces

    def asks(self) -> Sequence[Ask]:
        """The first words alone are held to the target prefix."""
        options = replace(
            self._case.options,
            num_hypotheses=None,
            min_target_tokens=None,
            target_prefix=None,
        )
        asks = [
            Ask(each.span.of(self._case.text), options)
            for each in self._pieces
            if not each.copied
        ]
        if prefix := self._case.options.target_prefix:
            asks[0] = replace(asks[0], options=replace(options, target_prefix=prefix))
        return asks

    def answer(self, found: Sequence[Translation]) -> Translation | None:
        joint = Joint(self._case, self._length_penalty)
        translations = iter(found)
        prefix = self._case.options.target_prefix or ""
        for piece in self._pieces:
            if piece.copied:
                joint.copy(piece.span)
            else:
                joint.add(piece.span, next(translations), prefix)
                prefix = ""
        limit = self._case.options.max_target_tokens
        if limit and joint.num_target_tokens > limit:
            return None
        return joint.translation()


def pieces_of(case: Case) -> list[Piece]:
    """All of the text, in order; blanks are copied, as are marks without words."""
    text, pieces = case.text, list[Piece]()
    at = 0
    for item in case.items:
        word = _whole_word(text, item.span)
        start = max(at, word.start)  # its word may be the last one's too
        pieces += _between(text, Span(at, start))
        pieces.append(Piece(Span(start, max(start, word.end)), copied=True))
        at = max(start, word.end)
    pieces += _between(text, Span(at, len(text)))
    return [each for each in pieces if each.span.start < each.span.end]


def _whole_word(text: str, span: Span) -> Span:
    """With what is written together with it: the "rd" of "3rd"."""
    start, end = span.start, span.end
    while joined(text, start):
        start -= 1
    while joined(text, end):
        end += 1
    return Span(start, end)


def _between(text: str, span: Span) -> Iterator[Piece]:
    """Words, and the blanks and marks around them."""
    part = span.of(text)
    before = _end_of_marks(part)
    behind = max(before, _start_of_marks(part))
    words = any(map(str.isalpha, part[before:behind]))
    for start, end, copied in (
        (0, before, True),
        (before, behind, not words),
        (behind, len(part), True),
    ):
        yield Piece(Span(start, end).moved(span.start), copied)


def _end_of_marks(part: str) -> int:
    match = _MARKS_BEFORE.match(part)
    return match.end() if match else 0


def _start_of_marks(part: str) -> int:
    end = len(part)
    while end and not (part[end - 1].isalnum() or part[end - 1] in ENDS):
        end -= 1
    return end
