"""Turns words and marks, as a parser meets them, into parts of a document."""

from itertools import groupby

from onnxlate.answer import ItemKind

from .atoms import Atom, Copied, Kind, Part, Spelling, Value
from .elements import BLOCKS, CODE, QUIET, VOID, Element, OpenElements
from .parts import merged, parts_of


class Run:
    """The block that is being read, and the parts that were."""

    def __init__(self, spelling: Spelling) -> None:
        self._parts: list[Part] = []
        self.spelling = spelling
        self._elements = OpenElements()
        self._atoms: list[Atom] = []
        self._quiet: list[bool] = []
        """Of each atom, whether it is not translated."""
        self._number = 0
        self._after_blank = True

    @property
    def translated(self) -> bool:
        """Whether words that come now are."""
        return self._elements.translated

    def cut(self, raw: str = "", values: tuple[Value, ...] = ()) -> None:
        """Ends the block; `raw` stands between it and the next."""
        self._flush()
        if raw:
            self._parts.append(Copied(raw, values))

    def words(self, atoms: list[Atom]) -> None:
        for atom in atoms:
            self._word(atom)

    def alone(self, raw: str, values: tuple[Value, ...] = ()) -> None:
        self._add(Atom(Kind.ALONE, raw, values=values))

    def line_break(self, raw: str) -> None:
        """Parts words as a blank does."""
        shown = "" if self._after_blank else " "
        self._add(Atom(Kind.ALONE, raw, shown, line=True))
        self._after_blank = True

    def kept(self, raw: str, shown: str, item: ItemKind) -> None:
        self._add(Atom(Kind.KEPT, raw, shown, item=item))
        self._after_blank = False

    def start(
        self,
        name: str,
        raw: str,
        values: tuple[Value, ...] = (),
        translate: bool | None = None,
    ) -> None:
        """A start tag; `translate` is what it says of its content."""
        if name in BLOCKS:
            self._flush()
        for ended in self._elements.make_room(name):
            _set_apart(ended)
        if translate is None:
            translate = self.translated and name not in QUIET
        if name in VOID:
            if name in BLOCKS:
                self.cut(raw, values)
            elif name == "br":
                self.line_break(raw)
            else:
                self.alone(raw, values)
            return
        atom = None
        if name not in BLOCKS:
            item = ItemKind.CODE if name in CODE else ItemKind.TAG
            atom = Atom(Kind.OPEN, raw, values=values, item=item)
        self._elements.start(Element(name, translate, atom, self._number))
        if atom:
            self._add(atom)
        else:
            self.cut(raw, values)

    def end(self, name: str, raw: str, changed: str = "") -> None:
        if name in BLOCKS:
            self._flush()
            self._elements.end(name)
            self.cut(raw)
            return
        atom = Atom(Kind.CLOSE, raw, changed=changed)
        quiet = not self.translated
        ended = self._elements.end(name)
        if len(ended) == 1 and ended[0].atom and ended[0].run == self._number:
            atom.pair, ended[0].atom.pair = ended[0].atom, atom
        self._add(atom, quiet)

    def take(self) -> list[Part]:
        """What was read since this was last called."""
        self._flush()
        parts, self._parts = self._parts, []
        return merged(parts)

    def _word(self, atom: Atom) -> None:
        if self._after_blank and atom.shown.startswith(" ") and self._atoms:
            # Browsers show one blank, whatever marks stand between two.
            size = 1 if atom.plain else len(atom.raw)
            self._unseen(atom.raw[:size])
            rest = atom.raw[size:]
            atom = Atom(Kind.TEXT, rest, rest)
        if atom.raw:
            self._add(atom)
        if atom.shown:
            self._after_blank = atom.shown.endswith(" ")

    def _unseen(self, blank: str) -> None:
        """A blank that goes with the mark before it."""
        last = self._atoms[-1]
        if last.kind is Kind.TEXT:
            self._add(Atom(Kind.TEXT, blank))
            return
        last.raw += blank
        if last.changed:
            last.changed += blank

    def _add(self, atom: Atom, quiet: bool = False) -> None:
        self._atoms.append(atom)
        self._quiet.append(quiet or not self.translated)

    def _flush(self) -> None:
        """What was read since the last cut becomes parts."""
        atoms: list[Atom] = []
        for quiet, group in groupby(
            zip(self._atoms, self._quiet, strict=True), key=lambda each: each[1]
        ):
            some = [atom for atom, _ in group]
            atoms += [_silenced(some)] if quiet else some
        self._parts += parts_of(atoms, self.spelling)
        self._atoms, self._quiet = [], []
        self._number += 1
        self._after_blank = True


def _set_apart(element: Element) -> None:
    """An element that something else has ended: nothing is moved over its start."""
    if element.atom:
        element.atom.fixed = True


def _silenced(atoms: list[Atom]) -> Atom:
    """One atom in place of those of an element that is not translated."""
    raw = "".join(atom.raw for atom in atoms)
    shown = " ".join("".join(atom.shown for atom in atoms).split())
    members = set(map(id, atoms))
    whole = all(
        atom.pair is not None and id(atom.pair) in members
        for atom in atoms
        if atom.kind in (Kind.OPEN, Kind.CLOSE)
    )
    if not whole:
        return Atom(Kind.ALONE, raw, fixed=True)
    if not shown:
        return Atom(Kind.ALONE, raw)
    item = atoms[0].item if len(atoms) == 3 else ItemKind.TAG
    return Atom(Kind.KEPT, raw, shown, item=item)
