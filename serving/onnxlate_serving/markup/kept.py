"""What must not be translated inside of a sentence: how the model is shown it, and
where it is in the answer.

It is shown as it reads, so that the sentence is one, and the layer below is asked to
protect it. If it could be taken for other words of the sentence, a placeholder stands
for it.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from onnxlate.answer import ProtectedItem, Span

from .atoms import SOFT_BREAK, Atom, Block, Kind
from .words import Answer

LONGEST = 80
"""Characters that a model is shown of it."""


def name_kept(atoms: Sequence[Atom]) -> None:
    """Shows placeholders for what is not clear by itself."""
    text = "".join(atom.shown for atom in atoms)
    kept = [atom for atom in atoms if atom.kind is Kind.KEPT]
    number = 0
    for atom in kept:
        alike = [each for each in kept if each.shown == atom.shown]
        clear = (
            len(atom.shown) <= LONGEST
            and len(list(_places(text, atom.shown))) == len(alike)
            and all(each.raw == atom.raw for each in alike)
            and not any(atom.shown in each.shown for each in kept if each not in alike)
        )
        if clear:
            continue
        while f"{{{number}}}" in text:
            number += 1
        atom.shown = f"{{{number}}}"
        number += 1


def phrases(block: Block) -> tuple[str, ...]:
    """What is to be protected in it."""
    kept = (atom.shown for atom in block.atoms if atom.kind is Kind.KEPT)
    return tuple(dict.fromkeys(kept))


def found(
    block: Block, answer: Answer, items: Sequence[ProtectedItem]
) -> dict[Atom, Span] | None:
    """Where in the answer each is; None if they are not all there, exactly once."""
    known = {item.source: item.target for item in items if item.target}
    places: dict[str, list[int]] = {}
    where: dict[Atom, Span] = {}
    at = 0
    for atom in block.atoms:
        span = Span(at, at + len(atom.shown))
        at = span.end
        if atom.kind is not Kind.KEPT:
            continue
        target = known.get(span)
        if target is None:
            if atom.shown not in places:
                places[atom.shown] = list(_places(answer.target, atom.shown))
                wanted = sum(each.shown == atom.shown for each in block.atoms)
                if len(places[atom.shown]) != wanted:
                    return None
            start = places[atom.shown].pop(0)
            target = Span(start, start + len(atom.shown))
        # A line's end that has come out inside of it is lost, and nothing else.
        if target.of(answer.target).replace(SOFT_BREAK, " ") != atom.shown:
            return None
        where[atom] = target
    inside = sorted(where.values(), key=lambda span: span.start)
    if any(a.end > b.start for a, b in pairwise(inside)):
        return None
    return where


def _places(text: str, phrase: str) -> Iterator[int]:
    """Where it stands as words of its own."""
    at = text.find(phrase)
    while at >= 0:
        end = at + len(phrase)
        if not (_joined(text, at) or _joined(text, end)):
            yield at
        at = text.find(phrase, end)


def _joined(text: str, at: int) -> bool:
    """Whether a word goes on there."""
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()
