"""The vocabulary of M2M100 and of NLLB: one SentencePiece model for all languages.

M2M100's ids stand in vocab.json, those of its languages behind them. NLLB's are the
SentencePiece model's and one more, for fairseq's special ones come first in another
order; those of its languages stand in tokenizer.json.
"""

import re
from pathlib import Path

from onnxlate.errors import ExportError

from .config import Config
from .files import read_json
from .languages import Languages, language_token
from .pieces import read_pieces
from .vocabulary import Sides, Special, id_of, read_ids, renumbered, unknown_pieces

SPM, VOCABULARY, TOKENIZER = "sentencepiece.bpe.model", "vocab.json", "tokenizer.json"

FAIRSEQ = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}

NLLB_TOKEN = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")


def m2m100_sides(folder: Path, config: Config, languages: Languages) -> Sides:
    """Raises ExportError if the files do not belong together, ConfigError if it is not
    clear which languages are meant."""
    spm = folder / SPM
    ids = read_ids(folder / VOCABULARY) if (folder / VOCABULARY).is_file() else {}
    tokens = _m2m100_tokens(ids) if ids else _nllb_tokens(folder)
    pieces = ids or _fairseq_ids(spm)
    special = Special(
        pad=config.pad_token_id,
        unk=id_of(pieces, "<unk>", spm),
        start=config.decoder_start_token_id,
        eos=config.eos_token_id,
    )
    extra = unknown_pieces(spm, pieces)
    silent = [*tokens, *(name for name in FAIRSEQ if name != "<unk>")]
    joint = renumbered(pieces | tokens, config.vocab_size, special, silent, extra)
    codes = {name.strip("_"): name for name in tokens}
    before, first = (
        language_token(codes, side, languages, folder) for side in ("source", "target")
    )
    if before is None or first is None:
        raise ExportError(f"{folder} has no tokens for languages")
    prefixes = ((joint.id_of(each),) for each in (before, first))
    return Sides(joint, joint, spm, spm, *prefixes)


def _m2m100_tokens(ids: dict[str, int]) -> dict[str, int]:
    """They stand in no file, but behind the pieces, in an order of transformers'."""
    from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

    codes = FAIRSEQ_LANGUAGE_CODES["m2m100"]
    return {f"__{code}__": at for at, code in enumerate(codes, start=len(ids))}


def _nllb_tokens(folder: Path) -> dict[str, int]:
    path = folder / TOKENIZER
    try:
        return {
            each["content"]: int(each["id"])
            for each in read_json(path).get("added_tokens", [])
            if NLLB_TOKEN.fullmatch(each["content"])
        }
    except (KeyError, TypeError, ValueError) as cause:
        raise ExportError(f"{path} has added_tokens without content or id") from cause


def _fairseq_ids(spm: Path) -> dict[str, int]:
    """The first three of the model are the unknown word, the beginning and the end."""
    pieces = [each.piece for each in read_pieces(spm).pieces]
    return FAIRSEQ | {piece: at for at, piece in enumerate(pieces[3:], start=4)}
