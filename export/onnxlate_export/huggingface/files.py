"""A folder of a Hugging Face model: its JSON files and weights, nothing unpickled."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from onnxlate.errors import ExportError

SAFETENSORS, PICKLED = "model.safetensors", "pytorch_model.bin"
INDEX = ".index.json"
"""Behind the name, where weights are in several files: which of them are in which."""

PARTS = "model-*.safetensors", "pytorch_model-*.bin"
WANTED = ("*.json", "*.spm", "*.model", SAFETENSORS, PICKLED, *PARTS)


def find(path_or_id: str) -> Path:
    """The folder, or what the hub has under this name.

    Raises ExportError if there is neither.
    """
    path = Path(path_or_id)
    if path.is_dir():
        return path
    if path.exists() or path_or_id.count("/") != 1 or path_or_id[0] in "./~":
        raise ExportError(
            f"{path_or_id} is not a directory with a config.json, nor the name of a "
            "model on the hub (OWNER/NAME)"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    try:
        return Path(snapshot_download(path_or_id, allow_patterns=list(WANTED)))
    except (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OSError,
    ) as cause:
        reason = str(cause).partition("\n")[0]
        raise ExportError(
            f"{path_or_id} is no directory here and was not downloaded ({reason}); "
            "fetch it where there is a network and give its folder"
        ) from cause


def read_json(path: Path) -> dict[str, Any]:
    """Raises ExportError if it is missing or no JSON object."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise ExportError(f"{path} is missing or no JSON") from cause
    if not isinstance(data, dict):
        raise ExportError(f"{path} is no JSON object")
    return data


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All of them, as float32; raises ExportError."""
    found: dict[str, Tensor] = {}
    for name in _files(folder):
        found |= _load(folder / Path(name).name)
    return {name: each.float() for name, each in found.items()}


def _files(folder: Path) -> list[str]:
    for name in (SAFETENSORS, PICKLED):
        index = folder / f"{name}{INDEX}"
        if index.is_file():
            return _parts(index)
        if (folder / name).is_file():
            return [name]
    raise ExportError(f"{folder} has no {SAFETENSORS} and no {PICKLED}")


def _parts(index: Path) -> list[str]:
    parts = read_json(index).get("weight_map")
    if not isinstance(parts, dict) or not parts:
        raise ExportError(f"{index} has no weight_map that names files")
    return sorted({str(each) for each in parts.values()})


def _load(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    # What a damaged file makes of these two readers is anything, EOFError included.
    except Exception as cause:
        raise ExportError(f"{path} is not a readable file of weights") from cause
    if not isinstance(loaded, dict) or not all(
        isinstance(each, Tensor) for each in loaded.values()
    ):
        raise ExportError(f"{path} holds something else than weights by name")
    return loaded
