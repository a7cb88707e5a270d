"""Character references of HTML: `&amp;`, `&eacute;`, `&#8212;`."""

import re
from html import unescape

from .atoms import Atom, Block, Kind, Spell

BLANK = "[ \t\n\f\r]"
REFERENCE = r"&(?:#[0-9]{1,9}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{0,31});?"
# What is not spelled as it is read: references, and any blank but a single space.
PARTS = re.compile(f"({REFERENCE}|{BLANK}{{2,}}|[\t\n\f\r])")
UNSURE_IN_VALUES = re.compile(r"&[A-Za-z][A-Za-z0-9]*\Z")

SOFT_HYPHEN = "\u00ad"
NO_BREAK_SPACE = "\u00a0"
MUST = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def text_atoms(raw: str) -> list[Atom]:
    """Words of a page, decoded; blanks as browsers show them."""
    atoms = []
    for index, part in enumerate(PARTS.split(raw)):
        if not part:
            continue
        shown = part
        if index % 2:
            shown = decoded(part) if part[0] == "&" else " "
        atoms.append(Atom(Kind.TEXT, part, shown))
    return atoms


def decoded(reference: str) -> str:
    """What it stands for. A soft hyphen stands for nothing that a model should read."""
    return unescape(reference).replace(SOFT_HYPHEN, "")


def value_atoms(raw: str) -> list[Atom]:
    """Words of an attribute: there, `&copy=1` is no reference."""
    atoms = text_atoms(raw)
    for atom, after in zip(atoms, [*atoms[1:], None], strict=True):
        follows = after.raw[:1] if after else ""
        unsure = UNSURE_IN_VALUES.match(atom.raw)
        if unsure and (follows == "=" or follows.isalnum()):
            atom.shown = atom.raw
    return atoms


def spellings(block: Block) -> dict[str, str]:
    """How characters are written that are not written as themselves.

    As few as must be, and those that the block spells as references, as it does.
    """
    spelled = dict(MUST)
    plain: set[str] = set()
    for atom in block.atoms:
        if atom.kind is not Kind.TEXT:
            continue
        if atom.plain:
            plain.update(atom.raw)
        elif atom.raw[0] == "&" and atom.raw[-1] == ";" and len(atom.shown) == 1:
            spelled[atom.shown] = atom.raw
    if NO_BREAK_SPACE not in plain:
        # One that the model put there would not be seen in the page's source.
        spelled.setdefault(NO_BREAK_SPACE, "&nbsp;")
    return spelled


def in_text(block: Block) -> Spell:
    spelled = spellings(block)
    return lambda text, at: spelled.get(text[at], text[at])


def in_value(block: Block) -> Spell:
    """For between quotes of either kind."""
    spelled = {'"': "&quot;", "'": "&#39;"} | spellings(block)
    return lambda text, at: spelled.get(text[at], text[at])
