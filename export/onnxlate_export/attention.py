"""Where a trained model looks: the attention weights of one sentence pair."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from onnxlate.errors import InvalidRequest
from onnxlate.text import Tokenizer
from onnxlate_training.batches import collate
from onnxlate_training.checkpoint import LoadedModel
from onnxlate_training.corpus import Example
from onnxlate_training.model import MultiHeadAttention, attention_weights

Kind = Literal["encoder", "decoder", "cross"]


@dataclass(frozen=True)
class AttentionMap:
    """One layer's weights, all heads."""

    kind: Kind
    layer: int
    weights: npt.NDArray[np.float32]
    """(H, Q, K); rows sum to 1."""
    queries: list[str]
    """Q pieces that look."""
    keys: list[str]
    """K pieces that are looked at."""


def attention_maps(loaded: LoadedModel, source: str, target: str) -> list[AttentionMap]:
    """Every layer's weights while the model reads `source` and is fed `target`.

    Raises InvalidRequest if one of them is blank or longer than the model reads.
    """
    source_tokenizer = Tokenizer(loaded.source_tokenizer)
    target_tokenizer = Tokenizer(loaded.target_tokenizer)
    source_ids = source_tokenizer.encode(source)
    target_ids = target_tokenizer.encode(target)
    for name, ids, most in (
        ("source", source_ids, loaded.max_source_tokens),
        ("target", target_ids, loaded.max_target_tokens),
    ):
        if not 0 < len(ids) <= most:
            raise InvalidRequest(
                f"the {name} has {len(ids)} tokens; this model takes 1 to {most}"
            )
    example = Example(np.array(source_ids, np.int32), np.array(target_ids, np.int32))
    batch = collate([example])
    model = loaded.model
    with torch.inference_mode(), recorded(model) as seen:
        model(batch.source_ids, batch.source_visible, batch.target_ids)
    read = _pieces(source_tokenizer, batch.source_ids[0].tolist())
    fed = _pieces(target_tokenizer, batch.target_ids[0].tolist())
    sides: dict[Kind, tuple[list[str], list[str]]] = {
        "encoder": (read, read),
        "decoder": (fed, fed),
        "cross": (fed, read),
    }
    return [
        AttentionMap(kind, layer, weights[0], *sides[kind])
        for (kind, layer), weights in sorted(seen.items())
    ]


@contextmanager
def recorded(
    model: nn.Module,
) -> Iterator[dict[tuple[Kind, int], npt.NDArray[np.float32]]]:
    """Notes what every attention of the model looks at while it runs: (B, H, Q, K)."""
    seen: dict[tuple[Kind, int], npt.NDArray[np.float32]] = {}
    hooks = []

    def recorder(kind: Kind, layer: int) -> object:
        def record(module: nn.Module, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
            assert isinstance(module, MultiHeadAttention)
            x, memory, visible = inputs
            keys, _ = module.keys_values(memory)
            weights = attention_weights(module.split(module.query(x)), keys, visible)
            seen[kind, layer] = weights.numpy()

        return record

    for name, module in model.named_modules():
        if isinstance(module, MultiHeadAttention):
            # "decoder.layers.3.cross_attention"
            stack, _, layer, part = name.split(".")
            kind: Kind = "encoder" if stack == "encoder" else "decoder"
            if part == "cross_attention":
                kind = "cross"
            hook = recorder(kind, int(layer))
            hooks.append(module.register_forward_pre_hook(hook))  # type: ignore[arg-type]
    try:
        yield seen
    finally:
        for each in hooks:
            each.remove()


def _pieces(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    return [tokenizer.piece(each) for each in ids]
