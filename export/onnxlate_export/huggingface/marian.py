"""MarianMT's vocabulary: vocab.json, over the pieces of two SentencePiece models."""

import re
from pathlib import Path

from onnxlate.errors import ExportError

from .config import Config
from .languages import Languages, language_token
from .vocabulary import (
    Sides,
    Special,
    Vocabulary,
    id_of,
    read_ids,
    renumbered,
    unknown_pieces,
)

SOURCE_SPM, TARGET_SPM = "source.spm", "target.spm"
UNKNOWN = "<unk>"
TOKEN = re.compile(r">>(.+)<<")
"""Before a source, of a model with several target languages."""

VOCABULARY, TARGET_VOCABULARY = "vocab.json", "target_vocab.json"


def marian_sides(folder: Path, config: Config, languages: Languages) -> Sides:
    """Raises ExportError if the files do not belong together, ConfigError if the model
    has several target languages and it is not clear which is meant."""
    ids = read_ids(folder / VOCABULARY)
    tokens = {match[1]: name for name in ids if (match := TOKEN.fullmatch(name))}
    token = language_token(tokens, "target", languages, folder)
    spms = folder / SOURCE_SPM, folder / TARGET_SPM
    extra = unknown_pieces(spms[0], ids)
    own = folder / TARGET_VOCABULARY
    if config.share_encoder_decoder_embeddings and config.target_rows == len(ids):
        joint = _renumbered(folder / VOCABULARY, ids, config, extra)
        return Sides(joint, joint, *spms, _prefix(joint, token))
    if not own.is_file():
        raise ExportError(
            f"{folder}: vocab_size is {config.vocab_size}, decoder_vocab_size "
            f"{config.target_rows}, share_encoder_decoder_embeddings "
            f"{config.share_encoder_decoder_embeddings} and {VOCABULARY} has "
            f"{len(ids)} entries; there is no {TARGET_VOCABULARY} to tell them apart"
        )
    source = _renumbered(folder / VOCABULARY, ids, config, extra)
    target = _renumbered(own, read_ids(own), config)
    return Sides(source, target, *spms, _prefix(source, token))


def _prefix(source: Vocabulary, token: str | None) -> tuple[int, ...]:
    return () if token is None else (source.id_of(token),)


def _renumbered(
    path: Path, ids: dict[str, int], config: Config, extra: list[str] | None = None
) -> Vocabulary:
    rows = config.target_rows if path.name == TARGET_VOCABULARY else config.vocab_size
    special = Special(
        pad=config.pad_token_id,
        unk=id_of(ids, UNKNOWN, path),
        start=config.decoder_start_token_id,
        eos=config.eos_token_id,
    )
    silent = [name for name in ids if TOKEN.fullmatch(name)]
    return renumbered(ids, rows, special, silent, extra or ())
