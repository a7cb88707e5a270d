"""What a marked-up text is made of.

A document is a run of passages, a passage one of parts, `Copied` ones and `Block`s to
be translated, and a block one of atoms. Each time, these together are its text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from onnxlate.answer import ItemKind


class Kind(Enum):
    TEXT = auto()
    """Words, or a blank between them."""
    OPEN = auto()
    CLOSE = auto()
    ALONE = auto()
    """A mark without content: an image, a line break."""
    KEPT = auto()
    """Something to read that must not be translated."""


SOFT_BREAK = "  "
"""What the layer below is shown for a line's end inside a sentence. It takes two blanks
for layout: its model reads one, and it puts two where they are in the translation. A
line's end would do the same where it knows that the sentence goes on; without the
addresses of links, lines do not look it."""


@dataclass(frozen=True, slots=True)
class Value:
    """Words inside a mark, such as the text of an image."""

    start: int
    """Where in the mark they stand."""
    block: "Block"


@dataclass(eq=False, slots=True)
class Atom:
    """The least part of a block; `raw` is how it is spelled there."""

    kind: Kind
    raw: str
    shown: str = ""
    """What the model reads in its place."""
    pair: "Atom | None" = None
    """The other end; an OPEN or CLOSE without one is broken markup."""
    values: tuple[Value, ...] = ()
    changed: str = ""
    """How it is spelled where the words beside it have changed; "" for the same."""
    item: ItemKind = ItemKind.TAG
    """What a KEPT one is reported as."""
    line: bool = False
    """Whether a line ends there: <br>."""
    fixed: bool = False
    """Whether what stands before it stays before it: the block is cut there."""

    @property
    def plain(self) -> bool:
        """Whether it is spelled as it is read, character by character."""
        return self.raw == self.shown

    @property
    def breaks(self) -> bool:
        """Whether it is a mark that words must not be moved over."""
        return self.fixed or (
            self.kind in (Kind.OPEN, Kind.CLOSE) and self.pair is None
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """Something in a sentence that must not be translated, where it is copied."""

    start: int
    end: int
    item: ItemKind


@dataclass(frozen=True, slots=True)
class Copied:
    """A part that comes out as it went in, but for values in it."""

    raw: str
    values: tuple[Value, ...] = ()
    kept: tuple[Kept, ...] = ()
    untranslated: str = ""
    """Why its words are not translated, if somebody might expect it."""


Spell = Callable[[str, int], str]
"""How the character at that place of a translation is written."""


Spelling = Callable[["Block"], Spell]
"""How words are written in a place of a document, in the translation of that block."""


@dataclass(eq=False, slots=True)
class Block:
    """A part to be translated as one."""

    atoms: Sequence[Atom]
    spelling: Spelling
    raw: str = field(init=False)
    shown: str = field(init=False)
    """What the model reads."""

    def __post_init__(self) -> None:
        self.raw = "".join(atom.raw for atom in self.atoms)
        self.shown = "".join(atom.shown for atom in self.atoms)


Part = Copied | Block


@dataclass(eq=False, slots=True)
class Passage:
    """What is looked at as one."""

    parts: Sequence[Part]
    sound: Callable[[str], bool] = lambda written: True
    """Whether it has the marks it had when it is written so. Where words cannot be
    taken for marks, nobody need look."""
