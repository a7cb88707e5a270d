"""A model's weights as named tensors, out of files and into models."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from onnxlate.errors import TrainingError
from onnxlate.text import Tokenizer

from .model import Transformer
from .recipe import Recipe


def build_model(recipe: Recipe, source: Tokenizer, target: Tokenizer) -> Transformer:
    """An untrained model of the recipe's shape."""
    return Transformer(recipe.model, len(source), len(target))


def weights_of(model: Transformer) -> dict[str, Tensor]:
    """Every weight once, under the first of its names: safetensors has no aliases."""
    return {
        name: parameter.detach().cpu().contiguous()
        for name, parameter in model.named_parameters()
    }


def load_weights(model: Transformer, weights: Mapping[str, Tensor]) -> None:
    """Copies them in; raises TrainingError if they are another model's."""
    missing = {name for name, _ in model.named_parameters()} ^ set(weights)
    if missing:
        raise TrainingError(f"the weights do not fit the model: {min(missing)}")
    try:
        # Not strict, since the other names of shared weights are not in there.
        model.load_state_dict(dict(weights), strict=False)
    except RuntimeError as cause:
        first = re.search(r"size mismatch for ([\w.]+)", str(cause))
        what = first[1] if first else "unknown"
        raise TrainingError(f"the weights do not fit the model: {what}") from cause


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Raises TrainingError for a damaged file."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as cause:
        raise TrainingError(f"{path} is missing or damaged") from cause


def average(models: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each weight, summed in double precision."""
    return {
        name: torch.stack([model[name].double() for model in models])
        .mean(dim=0)
        .to(models[0][name].dtype)
        for name in models[0]
    }
