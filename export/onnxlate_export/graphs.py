"""The Transformer as two ONNX graphs: one reads sources, one writes a token a row.

docs/bundle.md describes them. Standard operators only, one file each; masks are
inputs, so that nothing in a graph guesses what is padding.

Axes: R rows, S source positions, C capacity of the caches, L decoder layers.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from onnxlate_training.model import Memory, Transformer

from .cleaning import cleaned

OPSET = 21
"""The newest that the oldest supported onnxruntime, 1.22, runs without gaps."""

# Sizes of the example arguments: any, but no two alike, so that the exporter cannot
# mistake one axis for another; and not 1, which it would take for a constant.
ROWS, SOURCE, CAPACITY = 3, 5, 7


class EncoderGraph(nn.Module):
    """Ids in, the keys and values that decoding looks at out."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, source_ids: Tensor, source_visible: Tensor) -> list[Tensor]:
        return _flat(self.model.cross(source_ids, source_visible))


class DecoderGraph(nn.Module):
    """One token per row in, logits and longer caches out."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        target_ids: Tensor,
        target_visible: Tensor,
        source_visible: Tensor,
        cross: list[Tensor],
        past: list[Tensor],
    ) -> list[Tensor]:
        # cross: L times keys and values (R, H, S, E); past: the same (R, H, C, E)
        memories = [
            Memory(*cross[at : at + 2], *past[at : at + 2])
            for at in range(0, len(past), 2)
        ]
        logits, present = self.model.step(
            target_ids, target_visible, source_visible, memories
        )
        return [logits.float(), *_flat(present)]


def encoder_graph(model: Transformer) -> onnx.ModelProto:
    """encoder.onnx of a model in evaluation mode."""
    sentences, source = Dim("sentences"), Dim("source")
    ids = torch.zeros(ROWS, SOURCE, dtype=torch.long)
    return export_module(
        EncoderGraph(model),
        arguments=(ids, ids == 0),
        axes=({0: sentences, 1: source},) * 2,
        inputs=["source_ids", "source_visible"],
        outputs=layered(model, "cross"),
    )


def decoder_graph(model: Transformer) -> onnx.ModelProto:
    """decoder.onnx of a model in evaluation mode."""
    rows, source, capacity = Dim("rows"), Dim("source"), Dim("capacity")
    heads = model.config.heads
    shape = ROWS, heads, -1, model.config.width // heads
    weight = model.generator.weight
    cross = weight.new_zeros(ROWS * SOURCE * model.config.width).view(shape)
    past = weight.new_zeros(ROWS * CAPACITY * model.config.width).view(shape)
    num_caches = 2 * model.config.decoder_layers
    return export_module(
        DecoderGraph(model),
        arguments=(
            torch.zeros(ROWS, dtype=torch.long),
            torch.ones(ROWS, CAPACITY, dtype=torch.bool),
            torch.ones(ROWS, SOURCE, dtype=torch.bool),
            [cross.clone() for _ in range(num_caches)],
            [past.clone() for _ in range(num_caches)],
        ),
        axes=(
            {0: rows},
            {0: rows, 1: capacity},
            {0: rows, 1: source},
            [{0: rows, 2: source}] * num_caches,
            [{0: rows, 2: capacity}] * num_caches,
        ),
        inputs=[
            "target_ids",
            "target_visible",
            "source_visible",
            *layered(model, "cross"),
            *layered(model, "past"),
        ],
        outputs=["logits", *layered(model, "present")],
    )


def layered(model: Transformer, kind: str) -> list[str]:
    """cross_keys_0, cross_values_0, cross_keys_1, and so on."""
    layers = range(model.config.decoder_layers)
    return [f"{kind}_{part}_{i}" for i in layers for part in ("keys", "values")]


def _flat(pairs: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
    return [each for pair in pairs for each in pair]


def export_module(
    module: nn.Module,
    arguments: tuple[Any, ...],
    axes: tuple[Any, ...],
    inputs: list[str],
    outputs: list[str],
) -> onnx.ModelProto:
    with _quiet():
        program = torch.onnx.export(
            module.eval(),
            arguments,
            dynamo=True,
            dynamic_shapes=axes,
            input_names=inputs,
            output_names=outputs,
            opset_version=OPSET,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    weights = dict(module.named_parameters(remove_duplicate=False))
    return cleaned(program.model_proto, weights)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hushes what the exporter says of itself and users can do nothing about."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)  # which optional packages it did without
    try:
        with warnings.catch_warnings():
            # Deprecations inside torch, and that equal axes share one name: ours do.
            warnings.filterwarnings("ignore", category=FutureWarning)
            warnings.filterwarnings("ignore", message=".*The axis name")
            yield
    finally:
        log.setLevel(level)
