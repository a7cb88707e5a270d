"""A training run of what the integers of a bundle stand for, to go on from where only
the bundle is left.

    python training/recipes/run_of_bundle.py BUNDLE RECIPE RUN [section.key=value ...]

RECIPE is the one that the bundle's model was trained by: pre-norm, all embeddings
shared. RUN can be named by train.start_from. What it computes is what the bundle does,
but for activations that are not rounded. A bundle's weights have the factors of int8
in them (export/onnxlate_export/products.py); here gains of norms are 1, but for the
last, and channels between two products in a row are as large in one as in the other.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper

from onnxlate.bundle import Bundle
from onnxlate.errors import ConfigError, OnnxlateError
from onnxlate.text import Tokenizer
from onnxlate_training.checkpoint import FinalNote, Progress, RunFolder
from onnxlate_training.recipe import Recipe, load_recipe
from onnxlate_training.weights import build_model, load_weights, weights_of

Floats = npt.NDArray[np.float32]

SELF = ("query", "key", "value")


class Weights:
    """A model's, by the names that PyTorch has for them."""

    def __init__(self, bundle: Path, recipe: Recipe) -> None:
        self._stored: dict[str, npt.NDArray[np.generic]] = {}
        for path in sorted(bundle.glob("*.onnx")):
            for tensor in onnx.load(path).graph.initializer:
                self._stored[tensor.name] = numpy_helper.to_array(tensor)
        self.found: dict[str, Floats] = {}
        self._embedding(recipe.model.width)
        decoder = [f"decoder.layers.{i}" for i in range(recipe.model.decoder_layers)]
        for i in range(recipe.model.encoder_layers):
            layer = f"encoder.layers.{i}"
            self._attention(f"{layer}.attention", f"{layer}.attended.norm")
            self._feed_forward(layer)
        self._norm("encoder.norm")
        for layer in decoder:
            self._attention(f"{layer}.self_attention", f"{layer}.looked_back.norm")
            across = f"{layer}.cross_attention"
            for part in (*SELF, "out"):
                self._dense(f"{across}.{part}")
            self._norm(f"{layer}.looked_across.norm", f"{across}.query")
            self._even(f"{across}.value", f"{across}.out")
            self._feed_forward(layer)
        memory = [f"{x}.cross_attention.{y}" for x in decoder for y in ("key", "value")]
        self._gain("encoder.norm", memory)

    def _number(self, name: str) -> Floats:
        try:
            return self._stored[name].astype(np.float32)
        except KeyError as cause:
            raise ConfigError(
                f"the bundle has no {name}: it is not int8, or not of this recipe"
            ) from cause

    def _embedding(self, width: int) -> None:
        """Of both roundings of the one table the mean."""
        tables = []
        for side in ("source", "target"):
            rows = self._number(f"{side}_embedding.int8")
            steps = self._number(f"{side}_embedding.scale")[:, None]
            tables.append(rows * steps * self._number(f"{side}_embedding.undo"))
        root = np.float32(width**0.5)
        mean = np.stack(tables).mean(axis=0)
        self.found["source_embedding.weight"] = np.asarray(mean / root, np.float32)
        self._norm("decoder.norm")
        factors = root / self._number("target_embedding.undo")
        for part in ("weight", "bias"):
            name = f"decoder.norm.{part}"
            self.found[name] = self.found[name] * factors

    def _norm(self, name: str, *users: str) -> None:
        for part in ("weight", "bias"):
            self.found[f"{name}.{part}"] = self._number(f"{name}.{part}/{name}")
        self._gain(name, users)

    def _gain(self, name: str, users: Sequence[str]) -> None:
        if not users:
            return
        gain = self.found[f"{name}.weight"]
        for user in users:
            self.found[f"{user}.weight"] = self.found[f"{user}.weight"] * gain
        self.found[f"{name}.bias"] = self.found[f"{name}.bias"] / gain
        self.found[f"{name}.weight"] = np.ones_like(gain)

    def _dense(self, name: str, *parts: str) -> None:
        """A product, or several that were stacked."""
        stacked = f"{name}.{'_'.join(parts)}" if parts else name
        steps = self._number(f"{stacked}.scale")
        weight = (self._number(f"{stacked}.int8") * steps).T
        bias = self._number(f"{stacked}.bias")
        if self._stored[f"{stacked}.bias"].dtype == np.int32:
            bias = bias * steps * self._number(f"{stacked}.step")
        names = [f"{name}.{part}" for part in parts] or [name]
        for each, w, b in zip(
            names,
            np.split(weight, len(names)),
            np.split(bias, len(names)),
            strict=True,
        ):
            self.found[f"{each}.weight"], self.found[f"{each}.bias"] = w, b

    def _attention(self, name: str, norm: str) -> None:
        self._dense(name, *SELF)
        self._dense(f"{name}.out")
        self._norm(norm, *(f"{name}.{part}" for part in SELF))
        self._even(f"{name}.value", f"{name}.out")

    def _feed_forward(self, layer: str) -> None:
        inner, outer = (f"{layer}.feed_forward.{x}" for x in ("inner", "outer"))
        self._dense(inner)
        self._dense(outer)
        self._norm(f"{layer}.fed.norm", inner)
        self._even(inner, outer)

    def _even(self, first: str, second: str) -> None:
        """What one multiplies a channel by the other divides it by."""
        size = np.sqrt((self.found[f"{first}.weight"] ** 2).sum(axis=1))
        behind = np.sqrt((self.found[f"{second}.weight"] ** 2).sum(axis=0))
        factors = np.sqrt(np.maximum(behind, 1e-6) / np.maximum(size, 1e-6))
        self.found[f"{first}.weight"] = self.found[f"{first}.weight"] * factors[:, None]
        self.found[f"{first}.bias"] = self.found[f"{first}.bias"] * factors
        self.found[f"{second}.weight"] = self.found[f"{second}.weight"] / factors


def main(bundle: Path, path: Path, output: Path, changes: Sequence[str]) -> None:
    """Raises ConfigError if the bundle is not of that recipe, or output is there."""
    recipe = load_recipe(path, changes)
    vocabulary = bundle / Bundle.open(bundle).manifest.source_tokenizer
    tokenizer = Tokenizer(vocabulary)
    weights = Weights(bundle, recipe).found
    model = build_model(recipe, tokenizer, tokenizer)
    load_weights(model, {name: torch.tensor(each) for name, each in weights.items()})
    if output.exists():
        raise ConfigError(f"{output} is there already; choose another folder")
    run = RunFolder(output)
    run.open_for(recipe)
    run.tokenizers("joint")[0].write_bytes(vocabulary.read_bytes())
    note = FinalNote(average="bundle", updates=[0], progress=Progress())
    run.write_result(weights_of(model), note)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    bundle, recipe, output, *changes = sys.argv[1:]
    try:
        main(Path(bundle), Path(recipe), Path(output), changes)
    except OnnxlateError as error:
        sys.exit(f"error: {error}")
