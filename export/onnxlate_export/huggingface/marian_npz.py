"""The weights in Marian's .npz, by the names that Hugging Face's have.

Linear layers are stored the other way round and layers count from one. There is no
padding: a row of zeros is added, as transformers' own converter does it
(convert_marian_to_pytorch.py, from which the names are).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from onnxlate.errors import ExportError

from .marian_yaml import parsed

SETTINGS = "special:model.yml"

ATTENTION = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "out_proj"}

Arrays = Mapping[str, npt.NDArray[Any]]


def read_npz(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Arrays by name, and the settings of the model; raises ExportError."""
    try:
        # Opened here, for numpy does not close what it cannot read.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = dict(file)
        # It ends with a zero byte, as text in C does.
        text = arrays.pop(SETTINGS).tobytes().rstrip(b"\0").decode()
    except Exception as cause:  # numpy and zipfile have half a dozen unrelated kinds
        raise ExportError(
            f"{path} is no model of Marian's with its settings in {SETTINGS}"
        ) from cause
    return arrays, parsed(text, path)


def weights_of(
    path: Path, arrays: Arrays, layers: Mapping[str, int]
) -> dict[str, Tensor]:
    """Of so many layers on each side; raises ExportError if one is missing, or if there
    are others, which compute something that is not read."""
    left = dict(arrays)

    def take(name: str) -> Tensor:
        if name not in left:
            raise ExportError(f"{path} has no weights named {name}")
        return torch.from_numpy(left.pop(name).astype(np.float32))

    table, bias = take("Wemb"), take("decoder_ff_logit_out_b").reshape(1, -1)
    found = {
        "model.shared.weight": nn.functional.pad(table, (0, 0, 0, 1)),
        "final_logits_bias": nn.functional.pad(bias, (0, 1)),
    }
    for side, count in layers.items():
        for at in range(count):
            for theirs, ours in _layer(side):
                weight = take(f"{side}_l{at + 1}_{theirs}")
                turned = weight.T.contiguous() if _is_matrix(ours) else weight.flatten()
                found[f"model.{side}.layers.{at}.{ours}"] = turned
    if left:
        raise ExportError(f"{path} has weights that are not read, as {min(left)}")
    return found


def _is_matrix(name: str) -> bool:
    return name.endswith(".weight") and "norm" not in name


def _layer(side: str) -> Iterator[tuple[str, str]]:
    """Marian's names within a layer, and Hugging Face's."""
    attentions = {"self": "self_attn"}
    if side == "decoder":
        attentions["context"] = "encoder_attn"
    for theirs, ours in attentions.items():
        for letter, name in ATTENTION.items():
            yield f"{theirs}_W{letter}", f"{ours}.{name}.weight"
            yield f"{theirs}_b{letter}", f"{ours}.{name}.bias"
        yield f"{theirs}_Wo_ln_scale", f"{ours}_layer_norm.weight"
        yield f"{theirs}_Wo_ln_bias", f"{ours}_layer_norm.bias"
    for number in (1, 2):
        yield f"ffn_W{number}", f"fc{number}.weight"
        yield f"ffn_b{number}", f"fc{number}.bias"
    yield "ffn_ffn_ln_scale", "final_layer_norm.weight"
    yield "ffn_ffn_ln_bias", "final_layer_norm.bias"
