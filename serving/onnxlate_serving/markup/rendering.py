"""Writes a translated block: its words, and its marks among them."""

from bisect import bisect_right
from dataclasses import dataclass, replace

from onnxlate.answer import Span

from .atoms import Atom, Block, Kind
from .placement import Placed
from .words import Answer, Piece


@dataclass(frozen=True, slots=True)
class Where:
    """Which characters of a raw text stand for which of the text that is read in it."""

    starts: tuple[int, ...]
    """Of each character that is read."""
    ends: tuple[int, ...]
    size: int
    """Of the raw text."""

    def raw(self, span: Span) -> Span:
        """Without the marks around it."""
        if span.start < span.end:
            return Span(self.starts[span.start], self.ends[span.end - 1])
        at = self.starts[span.start] if span.start < len(self.starts) else self.size
        return Span(at, at)


@dataclass(frozen=True, slots=True)
class Written:
    """A block as it comes out."""

    text: str
    where: Where
    """Of its words in it."""
    marks: dict[Atom, Span]
    """Where in it what is."""


def as_it_was(block: Block, raws: dict[Atom, str]) -> Written:
    """A block whose words have not changed; `raws` as below."""
    atoms = [replace(atom, raw=raws.get(atom, atom.raw)) for atom in block.atoms]
    where, marks = where_in_source(Block(atoms, block.spelling))
    there = dict(zip(atoms, block.atoms, strict=True))
    text = "".join(atom.raw for atom in atoms)
    return Written(text, where, {there[atom]: span for atom, span in marks.items()})


def where_in_source(block: Block) -> tuple[Where, dict[Atom, Span]]:
    """The same of the block as it went in."""
    starts: list[int] = []
    ends: list[int] = []
    marks: dict[Atom, Span] = {}
    at = 0
    for atom in block.atoms:
        end = at + len(atom.raw)
        if atom.kind is Kind.TEXT and atom.plain:
            starts += range(at, end)
            ends += range(at + 1, end + 1)
        else:
            starts += [at] * len(atom.shown)
            ends += [end] * len(atom.shown)
        if atom.kind is not Kind.TEXT:
            marks[atom] = Span(at, end)
        at = end
    return Where(tuple(starts), tuple(ends), at), marks


class Writer:
    """Writes one block from left to right."""

    def __init__(self, block: Block, answer: Answer, raws: dict[Atom, str]) -> None:
        """`raws` are marks that are spelled otherwise than they were."""
        self._spell = block.spelling(block)
        self._answer = answer
        self._raws = raws
        self._out: list[str] = []
        self._size = 0
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._marks: dict[Atom, Span] = {}
        self._spelled = _spelled(block) if _any_same(answer) else []
        self._piece_ends = [piece.target.end for piece in answer.pieces]

    def write(self, placed: list[Placed]) -> Written:
        at = 0
        for mark in placed:
            self._words(at, mark.start)
            self._mark(mark)
            at = mark.end
        self._words(at, len(self._answer.target))
        where = Where(tuple(self._starts), tuple(self._ends), self._size)
        return Written("".join(self._out), where, self._marks)

    def _mark(self, mark: Placed) -> None:
        atom = mark.atom
        raw = self._raws.get(atom, atom.changed or atom.raw)
        begin = self._size
        self._say(raw)
        self._marks[atom] = Span(begin, self._size)
        num_covered = mark.end - mark.start
        self._starts += [begin] * num_covered
        self._ends += [self._size] * num_covered

    def _words(self, start: int, end: int) -> None:
        pieces = self._answer.pieces
        index = bisect_right(self._piece_ends, start)
        while start < end:
            piece = pieces[index]
            stop = min(end, piece.target.end)
            if start < stop:
                self._part(piece, start, stop)
            start = max(start, stop)
            index += 1

    def _part(self, piece: Piece, start: int, end: int) -> None:
        by = piece.source.start - piece.target.start
        for at in range(start, end):
            if piece.same:
                raw = self._spelled[at + by]
            else:
                raw = self._spell(self._answer.target, at)
            self._starts.append(self._size)
            self._say(raw)
            self._ends.append(self._size)

    def _say(self, raw: str) -> None:
        self._out.append(raw)
        self._size += len(raw)


def _any_same(answer: Answer) -> bool:
    return any(piece.same for piece in answer.pieces)


def _spelled(block: Block) -> list[str]:
    """How each character that is read is spelled; marks, not at all."""
    spelled: list[str] = []
    for atom in block.atoms:
        if atom.kind is Kind.TEXT and atom.plain:
            spelled += atom.raw
        elif atom.kind is Kind.TEXT and not atom.shown:
            if spelled:
                spelled[-1] += atom.raw
        elif atom.kind is Kind.TEXT:
            spelled += [atom.raw] + [""] * (len(atom.shown) - 1)
        else:
            spelled += [""] * len(atom.shown)
    return spelled
