"""MarianMT's vocabulary: vocab.json, over the pieces of two SentencePiece models."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from onnxlate.errors import ExportError

from .config import Config
from .files import read_json
from .languages import TOKEN
from .vocabulary import Special, Vocabulary, renumbered, unknown_pieces

SOURCE_SPM, TARGET_SPM = "source.spm", "target.spm"
VOCABULARY, TARGET_VOCABULARY = "vocab.json", "target_vocab.json"


@dataclass(frozen=True)
class Sides:
    """Both vocabularies and what cuts texts into their pieces."""

    source: Vocabulary
    target: Vocabulary
    source_spm: Path
    target_spm: Path


def marian_sides(folder: Path, config: Config) -> Sides:
    """Raises ExportError if the files do not belong together."""
    ids = _ids(folder / VOCABULARY)
    spms = folder / SOURCE_SPM, folder / TARGET_SPM
    extra = unknown_pieces(spms[0], ids)
    own = folder / TARGET_VOCABULARY
    if config.share_encoder_decoder_embeddings and config.target_rows == len(ids):
        joint = _renumbered(folder / VOCABULARY, ids, config, extra)
        return Sides(joint, joint, *spms)
    if not own.is_file():
        raise ExportError(
            f"{folder}: vocab_size is {config.vocab_size}, decoder_vocab_size "
            f"{config.target_rows}, share_encoder_decoder_embeddings "
            f"{config.share_encoder_decoder_embeddings} and {VOCABULARY} has "
            f"{len(ids)} entries; there is no {TARGET_VOCABULARY} to tell them apart"
        )
    return Sides(
        _renumbered(folder / VOCABULARY, ids, config, extra),
        _renumbered(own, _ids(own), config),
        *spms,
    )


def _renumbered(
    path: Path, ids: dict[str, int], config: Config, extra: list[str] | None = None
) -> Vocabulary:
    rows = config.target_rows if path.name == TARGET_VOCABULARY else config.vocab_size
    special = Special(
        pad=config.pad_token_id,
        unk=_id(ids, "<unk>", path),
        start=config.decoder_start_token_id,
        eos=config.eos_token_id,
    )
    silent = [name for name in ids if TOKEN.fullmatch(name)]
    return renumbered(ids, rows, special, silent, extra or ())


def _ids(path: Path) -> dict[str, int]:
    ids = read_json(path)
    if not all(isinstance(each, int) for each in ids.values()):
        raise ExportError(f"{path} has entries that are no numbers")
    return ids


def _id(ids: Mapping[str, int], name: str, path: Path) -> int:
    if name not in ids:
        raise ExportError(f"{path} has no {name!r}")
    return ids[name]
