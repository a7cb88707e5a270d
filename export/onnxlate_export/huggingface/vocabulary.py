"""Their vocabulary in our order, so that a bundle's tokenizers say the model's own ids.

Marian's ids stand in vocab.json and have nothing to do with those of the SentencePiece
models beside it. Those are written anew with their pieces in the order of the ids,
special ones first as in all our bundles, and the rows of the embedding follow them.
What is read and how it is cut stays the same:

* Pieces that only the vocabulary has are marked unused: they can be said, and no text
  is cut into them. Single characters are the exception, for they are looked up by what
  they are; who cuts the text does not know them, and no piece it knows contains them.
* Pieces that only the source's model has are unknown words to the translation model.
  Each is given a row of its own, a copy of the unknown word's, and is never said.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from onnxlate.errors import ExportError
from onnxlate.text import BOS_ID, EOS_ID, PAD_ID, UNK_ID

from .files import read_json
from .pieces import Kind, kind_of, read_pieces

BYTES = 256


@dataclass(frozen=True)
class Special:
    """Their ids of what has fixed ids here."""

    pad: int
    unk: int
    start: int
    """What the decoder is fed first."""
    eos: int


@dataclass(frozen=True)
class Vocabulary:
    """One side's ids, ours: 0 is padding, 1 unknown, 2 the beginning, 3 the end."""

    names: tuple[str, ...]
    """By our id, how SentencePiece is to spell it."""
    theirs: tuple[int, ...]
    """By our id, which row of their embedding it is."""
    silent: frozenset[int]
    """Ours: those that stand for no text."""
    unsaid: frozenset[int]
    """Ours: those that the model never says."""

    @property
    def ours(self) -> dict[int, int]:
        """Their id -> the first of ours that is it."""
        found = {each: at for at, each in reversed(list(enumerate(self.theirs)))}
        return found | {self.theirs[each]: each for each in (BOS_ID, PAD_ID, EOS_ID)}

    def id_of(self, name: str) -> int:
        return self.names.index(name)

    def forbidding(self, theirs: Collection[int]) -> "Vocabulary":
        """With these of their ids never said; the end always may be, as in
        `generate`."""
        found = {at for at, each in enumerate(self.theirs) if each in theirs}
        return replace(self, unsaid=self.unsaid | (found - {EOS_ID}))


@dataclass(frozen=True)
class Sides:
    """Both vocabularies, what cuts texts into their pieces, and what goes before."""

    source: Vocabulary
    target: Vocabulary
    source_spm: Path
    target_spm: Path
    source_prefix: tuple[int, ...] = ()
    target_prefix: tuple[int, ...] = ()


def read_ids(path: Path) -> dict[str, int]:
    """A vocab.json; raises ExportError."""
    ids = read_json(path)
    if not all(isinstance(each, int) for each in ids.values()):
        raise ExportError(f"{path} has entries that are no numbers")
    return ids


def id_of(ids: Mapping[str, int], name: str, path: Path) -> int:
    """Raises ExportError if it has none."""
    if name not in ids:
        raise ExportError(f"{path} has no {name!r}")
    return ids[name]


def renumbered(
    ids: Mapping[str, int],
    num_rows: int,
    special: Special,
    silent: Sequence[str],
    extra: Sequence[str] = (),
) -> Vocabulary:
    """`ids` of an embedding with so many rows; `silent` are names among them that are
    no text, and `extra` are further pieces, which are unknown to the model.

    Raises ExportError if ids and rows do not belong together.
    """
    name_of = {each: name for name, each in ids.items()}
    first = [special.pad, special.unk, special.start, special.eos]
    all_ids = [*name_of, *first]
    if len(name_of) < len(ids) or min(all_ids) < 0 or max(all_ids) >= num_rows:
        raise ExportError(
            f"the vocabulary has {len(ids)} entries with ids from {min(all_ids)} to "
            f"{max(all_ids)}, special ones included; the embedding has {num_rows} "
            "rows, one for each id"
        )
    rest = [each for each in range(num_rows) if each not in first]
    theirs = [*first, *rest, *[special.unk] * len(extra)]
    names = [name_of.get(each) or f"<id {each}>" for each in (*first, *rest)]
    names[BOS_ID] = _free("<s>", ids)
    hidden = {at for at, each in enumerate(rest, len(first)) if not name_of.get(each)}
    unsaid = hidden | {PAD_ID, BOS_ID, *range(len(names), len(theirs))}
    quiet = set(silent)
    hidden |= {PAD_ID, BOS_ID, EOS_ID}
    hidden |= {at for at, name in enumerate(names) if name in quiet}
    return Vocabulary(
        (*names, *extra), tuple(theirs), frozenset(hidden), frozenset(unsaid)
    )


def unknown_pieces(spm: Path, ids: Mapping[str, int]) -> list[str]:
    """What texts may be cut into and the vocabulary does not have."""
    return [
        each.piece
        for each in read_pieces(spm).pieces
        if each.piece not in ids and kind_of(each) not in (Kind.UNKNOWN, Kind.CONTROL)
    ]


def write_tokenizer(spm: Path, vocabulary: Vocabulary, path: Path) -> None:
    """`spm` with the pieces of the vocabulary, as `path`."""
    model = read_pieces(spm)
    known = {each.piece: (each.score, kind_of(each)) for each in model.pieces}
    lowest = min(score for score, _ in known.values())
    del model.pieces[:]
    for at, name in enumerate(vocabulary.names):
        score, kind = known.get(name, (lowest, Kind.UNUSED))
        if at == UNK_ID:
            kind = Kind.UNKNOWN
        elif at in vocabulary.silent or kind in (Kind.UNKNOWN, Kind.CONTROL):
            kind = Kind.CONTROL
        elif name not in known:
            score, kind = _of_the_vocabulary(name, lowest)
        model.pieces.add(piece=name, score=score, type=kind)
    _describe(model, vocabulary)
    path.write_bytes(model.SerializeToString())


def _of_the_vocabulary(name: str, lowest: float) -> tuple[float, Kind]:
    if len(name) == 1:
        return lowest, Kind.NORMAL
    # Byte-pair encoding merges into unused pieces and undoes it: last of all, so that
    # nothing else is merged otherwise.
    return lowest - 1, Kind.UNUSED


def _describe(model: Any, vocabulary: Vocabulary) -> None:
    """What SentencePiece is told of the pieces, beside what they are."""
    num_bytes = sum(kind_of(each) is Kind.BYTE for each in model.pieces)
    spec, names = model.trainer_spec, vocabulary.names
    spec.vocab_size = len(names)
    spec.byte_fallback = num_bytes == BYTES
    spec.pad_id, spec.pad_piece = PAD_ID, names[PAD_ID]
    spec.unk_id, spec.unk_piece = UNK_ID, names[UNK_ID]
    spec.bos_id, spec.bos_piece = BOS_ID, names[BOS_ID]
    spec.eos_id, spec.eos_piece = EOS_ID, names[EOS_ID]
    model.ClearField("self_test_data")


def _free(name: str, taken: Mapping[str, int]) -> str:
    """That name, or one like it that nobody has."""
    while name in taken:
        name = f"<{name}>"
    return name
