"""A folder of Marian's own files, as OPUS-MT publishes them, as one of Hugging Face's.

It is written anew, and then read and compared like any other. What is computed beyond
the plain post-norm Transformer is refused.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from onnxlate.errors import ExportError

from .config import CONFIG, GENERATION, MARIAN
from .files import SAFETENSORS
from .marian import SOURCE_SPM, TARGET_SPM, UNKNOWN, VOCABULARY
from .marian_npz import read_npz, weights_of
from .marian_yaml import number, read_yaml
from .pieces import read_pieces
from .vocabulary import id_of

WEIGHTS, NAMES, PIECES = "*.npz", "*vocab.yml", "*vocab.spm"
SEARCH = "decoder.yml"

END, PADDING = "</s>", "<pad>"

LONGEST = 512
"""Positions; Marian has as many as it needs."""

ONLY: dict[str, object] = {
    "type": "transformer",
    "transformer-preprocess": "",
    "transformer-postprocess": "dan",
    "transformer-postprocess-top": "",
    "transformer-postprocess-emb": "d",
    "transformer-decoder-autoreg": "self-attention",
    "transformer-train-position-embeddings": "false",
    "transformer-no-projection": "false",
    "transformer-tied-layers": [],
    "transformer-ffn-depth": "2",
    "transformer-decoder-ffn-depth": "0",
    "transformer-decoder-dim-ffn": "0",
    "tied-embeddings-all": "true",
    "layer-normalization": "false",
    "lemma-dim-emb": "0",
    "right-left": "false",
}
"""What there is of each setting; not said is as good. A nought means: as elsewhere."""


def is_marian(folder: Path) -> bool:
    return not (folder / CONFIG).is_file() and any(folder.glob(WEIGHTS))


def convert_marian(folder: Path, into: Path) -> None:
    """Writes what transformers' `from_pretrained` reads; raises ExportError."""
    path = _only(folder, WEIGHTS)
    arrays, settings = read_npz(path)
    for name, only in ONLY.items():
        if (given := settings.get(name, only)) != only:
            raise ExportError(f"{path}: {name} is {given!r:.40}; supported: {only!r}")
    into.mkdir()
    ids = _vocabulary(folder, into)
    config = _config(path, settings, ids)
    layers = {side: config[f"{side}_layers"] for side in ("encoder", "decoder")}
    weights = weights_of(path, arrays, layers)
    rows = len(weights["model.shared.weight"]) - 1
    if sorted(ids.values()) != list(range(rows)):
        raise ExportError(
            f"{path} has {rows} embeddings, and the vocabulary beside it {len(ids)} "
            "names; their ids must be those of the embeddings, from 0 on"
        )
    save_file(weights, into / SAFETENSORS, metadata={"format": "pt"})
    _write(into / CONFIG, config)
    _write(into / VOCABULARY, ids | {PADDING: rows})
    special = ("pad_token_id", "decoder_start_token_id", "eos_token_id")
    fixed = {name: config[name] for name in special} | {"bad_words_ids": [[rows]]}
    _write(into / GENERATION, _search(folder) | fixed)


def _vocabulary(folder: Path, into: Path) -> dict[str, int]:
    """Ids by name; what cuts the texts is copied."""
    joint = any(folder.glob(PIECES))
    spm = _only(folder, PIECES) if joint else None
    for name in (SOURCE_SPM, TARGET_SPM):
        file = spm or folder / name
        if not file.is_file():
            raise ExportError(f"{folder} has no {name}, and no other cutter is read")
        shutil.copyfile(file, into / name)
    if spm:
        return {each.piece: at for at, each in enumerate(read_pieces(spm).pieces)}
    path = _only(folder, NAMES)
    names = read_yaml(path)
    return {name: number(names, name, path) for name in names}


def _config(
    path: Path, settings: dict[str, Any], ids: Mapping[str, int]
) -> dict[str, Any]:
    pad = len(ids)
    end, _ = (id_of(ids, name, path) for name in (END, UNKNOWN))
    if PADDING in ids:
        raise ExportError(f"{path}: its vocabulary has {PADDING}, as Marian's have not")
    sizes = {
        f"{side}_{theirs}": number(settings, ours, path)
        for side, depth in (("encoder", "enc-depth"), ("decoder", "dec-depth"))
        for theirs, ours in (
            ("layers", depth),
            ("attention_heads", "transformer-heads"),
            ("ffn_dim", "transformer-dim-ffn"),
        )
    }
    return sizes | {
        "model_type": MARIAN,
        "architectures": ["MarianMTModel"],
        "d_model": number(settings, "dim-emb", path),
        "activation_function": settings.get("transformer-ffn-activation", "swish"),
        "vocab_size": pad + 1,
        "max_position_embeddings": LONGEST,
        "scale_embedding": True,
        "pad_token_id": pad,
        "decoder_start_token_id": pad,
        "eos_token_id": end,
        "forced_eos_token_id": end,
    }


def _search(folder: Path) -> dict[str, Any]:
    """What is said of the search, if anything."""
    path = folder / SEARCH
    if not path.is_file():
        return {}
    said = read_yaml(path)
    found: dict[str, Any] = {}
    if "beam-size" in said:
        found["num_beams"] = number(said, "beam-size", path)
    if "normalize" in said:
        try:
            found["length_penalty"] = float(said["normalize"])
        except (TypeError, ValueError) as cause:
            raise ExportError(f"{path}: normalize is no number") from cause
    return found


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        names = ", ".join(each.name for each in found) or "none"
        raise ExportError(f"{folder} must have one {pattern}; it has {names}")
    return found[0]


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
