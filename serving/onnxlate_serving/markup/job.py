"""One passage of a document on its way through the model, more than once if need be.

A block is first translated as it is. If what must not be translated has not come out of
that as it went in, the block is cut there; if the passage would have other marks than
it had, its blocks are cut at every mark. What stands between is then translated by
itself, and stays between the same marks. What even that does not mend is copied, with a
warning.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from ..translation import Translation
from .atoms import Atom, Block, Copied, Kind, Part, Passage, Value
from .kept import phrases
from .parts import is_mark, split
from .questions import Question
from .settled import Settled, copied, joined
from .settling import settled, settled_copy


class Job:
    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        self._raw = "".join(part.raw for part in passage.parts)
        self._attempts = [_Attempt(part) for part in passage.parts]
        self._inside: dict[Block, Settled] = {}
        """Values of marks, as they came out."""
        self.outcome: Settled | None = None

    @property
    def size(self) -> int:
        return len(self._raw)

    def blocks(self) -> list[Block]:
        """What is to be asked for now."""
        if self.outcome:
            return []
        wanted: list[Block] = []
        for attempt in self._attempts:
            if attempt.outcome:
                continue
            wanted += [b for b in values_in(attempt.parts) if b not in self._inside]
            wanted += [part for part in attempt.parts if isinstance(part, Block)]
        return wanted

    def take(self, answers: Mapping[Block, Translation]) -> None:
        """Answers to all that it asked for; sets the outcome, or asks for more."""
        for attempt in self._attempts:
            if attempt.outcome:
                continue
            for block in values_in(attempt.parts):
                if block not in self._inside:
                    outcome = settled(block, answers[block], {})
                    self._inside[block] = outcome or _untranslated(block)
            attempt.take(answers, self._inside)
        outcomes = [each.outcome for each in self._attempts if each.outcome]
        if len(outcomes) < len(self._attempts):
            return
        whole = joined(outcomes)
        if whole.text == self._raw or self._passage.sound(whole.text):
            self.outcome = whole
            return
        cut = [attempt.cut(is_mark) for attempt in self._attempts]
        if not any(cut):
            self.outcome = joined(map(_untranslated, self._passage.parts))


class _Attempt:
    """At one part of a passage."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self.parts: Sequence[Part] = (part,)
        """What it is cut into."""
        self.outcome: Settled | None = None

    def take(
        self, answers: Mapping[Block, Translation], inside: Mapping[Block, Settled]
    ) -> None:
        found = [
            settled_copy(part, inside)
            if isinstance(part, Copied)
            else settled(part, answers[part], inside)
            for part in self.parts
        ]
        outcomes = [each for each in found if each]
        if len(outcomes) == len(found):
            self.outcome = joined(outcomes)
        elif not self.cut(_is_kept) and not self.cut(is_mark):
            self.outcome = _untranslated(self._part)

    def cut(self, at: Callable[[Atom], bool]) -> bool:
        """Whether that makes more parts of it, to be asked for anew."""
        if isinstance(self._part, Copied):
            return False
        parts = split(self._part.atoms, self._part.spelling, at)
        if len(parts) <= len(self.parts):
            return False
        self.parts, self.outcome = parts, None
        return True


def question(block: Block) -> Question:
    return Question(
        block.shown.strip(),
        aligned=any(map(is_mark, block.atoms)),
        phrases=phrases(block),
    )


def _is_kept(atom: Atom) -> bool:
    return atom.kind is Kind.KEPT


def values_in(parts: Sequence[Part]) -> Iterator[Block]:
    for part in parts:
        values: Sequence[Value] = ()
        if isinstance(part, Copied):
            values = part.values
        else:
            values = [value for atom in part.atoms for value in atom.values]
        for value in values:
            yield value.block


def _untranslated(part: Part) -> Settled:
    """As it was, with a word about that if it might have been otherwise."""
    if isinstance(part, Copied):
        return copied(part.raw)
    return copied(part.raw, "its translation would have had no words, or other marks")
