"""One part of a document on its way through the model, at the second try if need be.

A block is first translated as it is. If its marks cannot be put back so, it is cut at
what must not be translated, then at every mark; what stands between is translated by
itself and stays between the same marks. If even that comes out with other marks than it
went in with, the block is copied, with a warning.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from onnxlate.answer import AnswerWarning, Span, WarningKind

from ..translation import Translation
from .atoms import Block, Copied, Kind, Part, Value
from .kept import phrases
from .parts import is_mark, split
from .questions import Question
from .settled import Settled, copied, joined
from .settling import settled, with_values


class Job:
    def __init__(self, part: Part) -> None:
        self._whole = part
        self._parts: list[Part] = [part]
        self._narrower = iter((self._at_kept, self._at_marks))
        self._inside: dict[Block, Settled] = {}
        """Values of marks, as they came out."""
        self.outcome: Settled | None = None

    @property
    def size(self) -> int:
        return len(self._whole.raw)

    def blocks(self) -> list[Block]:
        """What is to be asked for now."""
        if self.outcome:
            return []
        blocks = [part for part in self._parts if isinstance(part, Block)]
        values = [value.block for part in self._parts for value in _values(part)]
        return [*(v for v in values if v not in self._inside), *blocks]

    def take(self, answers: Mapping[Block, Translation]) -> None:
        """Answers to all that it asked for; sets the outcome, or asks for more."""
        for part in self._parts:
            for value in _values(part):
                if value.block not in self._inside:
                    outcome = settled(value.block, answers[value.block], {})
                    assert outcome, "nothing in a value is kept"
                    self._inside[value.block] = outcome
        parts = [self._settled(part, answers) for part in self._parts]
        whole = [part for part in parts if part]
        if len(whole) == len(parts):
            outcome = joined(whole)
            if isinstance(self._whole, Copied) or self._whole.spelling.sound(
                self._whole, outcome.text
            ):
                self.outcome = outcome
                return
        self._narrow()

    def _settled(
        self, part: Part, answers: Mapping[Block, Translation]
    ) -> Settled | None:
        if isinstance(part, Copied):
            return with_values(part.raw, part.values, self._inside)
        return settled(part, answers[part], self._inside)

    def _narrow(self) -> None:
        for narrower in self._narrower:
            parts = narrower()
            if len(parts) > 1:
                self._parts = parts
                return
        self.outcome = self._untranslated()

    def _at_kept(self) -> list[Part]:
        assert isinstance(self._whole, Block)
        return split(
            self._whole.atoms,
            self._whole.spelling,
            lambda atom: atom.kind is Kind.KEPT,
        )

    def _at_marks(self) -> list[Part]:
        assert isinstance(self._whole, Block)
        return split(self._whole.atoms, self._whole.spelling, is_mark)

    def _untranslated(self) -> Settled:
        raw = self._whole.raw
        span = Span(0, len(raw))
        warning = AnswerWarning(
            WarningKind.UNTRANSLATED,
            "its translation would have had other marks",
            span,
            span,
        )
        return replace(copied(raw), warnings=(warning,))


def question(block: Block) -> Question:
    return Question(
        block.shown.strip(),
        aligned=any(map(is_mark, block.atoms)),
        phrases=phrases(block),
    )


def _values(part: Part) -> Iterator[Value]:
    if isinstance(part, Copied):
        yield from part.values
    else:
        for atom in part.atoms:
            yield from atom.values
