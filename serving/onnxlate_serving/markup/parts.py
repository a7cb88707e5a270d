"""Cuts a run of atoms into parts: where to cut, and what to leave at the edges."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, groupby

from .atoms import Atom, Block, Copied, Kept, Kind, Part, Spelling, Value
from .kept import name_kept

MAX_MARKS = 200
"""In one block. Placing them takes time as the square of their number, at worst."""

SENTENCE_ENDS = frozenset(".!?:;…。！？：；")


def parts_of(atoms: Sequence[Atom], spelling: Spelling) -> list[Part]:
    """Blocks of what people read there, with marks only where words are around them."""
    return split(atoms, spelling, lambda atom: atom.breaks)


def split(
    atoms: Sequence[Atom], spelling: Spelling, at: Callable[[Atom], bool]
) -> list[Part]:
    """Cut at such marks, and at pairs of marks that have one of them inside."""
    parts: list[Part] = []
    begin = 0
    for index in _cuts(atoms, at):
        parts += _trimmed(atoms[begin:index], spelling)
        parts.append(_copied(atoms[index : index + 1]))
        begin = index + 1
    return [*parts, *_trimmed(atoms[begin:], spelling)]


def merged(parts: Sequence[Part]) -> list[Part]:
    """With one part for several that are copied, one after the other."""
    whole: list[Part] = []
    for copied, group in groupby(parts, lambda part: isinstance(part, Copied)):
        some = list(group)
        if copied and len(some) > 1:
            some = [_joined([part for part in some if isinstance(part, Copied)])]
        whole += some
    return whole


def _joined(parts: Sequence[Copied]) -> Copied:
    values: list[Value] = []
    kept: list[Kept] = []
    at = 0
    for part in parts:
        values += [Value(at + each.start, each.block) for each in part.values]
        kept += [Kept(at + k.start, at + k.end, k.item) for k in part.kept]
        at += len(part.raw)
    raw = "".join(part.raw for part in parts)
    return Copied(raw, tuple(values), tuple(kept))


def _cuts(atoms: Sequence[Atom], at: Callable[[Atom], bool]) -> list[int]:
    """Indices of the marks to cut at."""
    wanted = [at(atom) for atom in atoms]
    before = list(accumulate(wanted, initial=0))
    cuts = {index for index, each in enumerate(wanted) if each}
    for begin, end in _pairs(atoms):
        if before[end + 1] > before[begin]:
            cuts |= {begin, end}
    return sorted(cuts)


def _trimmed(atoms: Sequence[Atom], spelling: Spelling) -> Iterator[Part]:
    """Without the blanks and marks at its edges, which stay where they are."""
    begin, end = _edges(atoms)
    middle = atoms[begin:end]
    if not _has_words(middle):
        begin = end = len(atoms)
    if begin:
        yield _copied(atoms[:begin])
    if begin < end:
        yield from _broken_up(middle, spelling)
    if end < len(atoms):
        yield _copied(atoms[end:])


def _edges(atoms: Sequence[Atom]) -> tuple[int, int]:
    """Between which atoms there are words, and every mark that has words both in it and
    beside it."""
    readable = [
        index
        for index, atom in enumerate(atoms)
        if atom.kind is Kind.KEPT or atom.shown.strip()
    ]
    if not readable:
        return 0, 0
    first, last = readable[0], readable[-1]
    ends = dict(_pairs(atoms))
    begins = {end: begin for begin, end in ends.items()}
    begin, end = 0, len(atoms)
    while begin < first and not (
        first < ends.get(begin, 0) <= last or _changes(atoms[begin])
    ):
        begin += 1
    while end > last + 1 and not (begin <= begins.get(end - 1, end) <= last):
        end -= 1
    return begin, end


def _changes(atom: Atom) -> bool:
    """Whether the mark that ends the pair must know whether its words change."""
    return atom.pair is not None and bool(atom.pair.changed)


def _broken_up(atoms: Sequence[Atom], spelling: Spelling) -> list[Part]:
    """One block, or more where lines end sentences, or marks are too many."""
    if breaks := _line_breaks(atoms):
        return split(atoms, spelling, lambda atom: id(atom) in breaks)
    num_marks = sum(atom.kind is not Kind.TEXT for atom in atoms)
    if num_marks > MAX_MARKS:
        return split(atoms, spelling, is_mark)
    name_kept(atoms)
    return [Block(atoms, spelling)]


def is_mark(atom: Atom) -> bool:
    return atom.kind is not Kind.TEXT


def _line_breaks(atoms: Sequence[Atom]) -> set[int]:
    """Ids of the <br>s, outside of all pairs, with a sentence on each side.

    They are not words of a sentence if there are two of them, or if the line ends as
    sentences do.
    """
    found: set[int] = set()
    depth = 0
    last = ""
    for atom in atoms:
        if atom.line:
            if depth == 0 and last and (last == "\n" or last in SENTENCE_ENDS):
                found.add(id(atom))
            last = "\n"
        elif atom.kind is Kind.OPEN:
            depth += 1
        elif atom.kind is Kind.CLOSE:
            depth -= 1
        elif atom.shown.strip():
            last = atom.shown.rstrip()[-1]
    return found


def _has_words(atoms: Iterable[Atom]) -> bool:
    """Whether there is something to translate: a letter will do."""
    return any(
        atom.kind is Kind.TEXT and any(map(str.isalpha, atom.shown)) for atom in atoms
    )


def _pairs(atoms: Sequence[Atom]) -> Iterator[tuple[int, int]]:
    """Indices of both ends of every pair of marks."""
    places = {id(atom): index for index, atom in enumerate(atoms)}
    for index, atom in enumerate(atoms):
        if atom.kind is Kind.OPEN and atom.pair is not None:
            end = places.get(id(atom.pair))
            if end is not None:
                yield index, end


def _copied(atoms: Sequence[Atom]) -> Copied:
    return _joined([_copy(atom) for atom in atoms])


def _copy(atom: Atom) -> Copied:
    kept: tuple[Kept, ...] = ()
    if atom.kind is Kind.KEPT:
        kept = (Kept(0, len(atom.raw), atom.item),)
    return Copied(atom.raw, atom.values, kept)
