"""Our weights as a CTranslate2 model directory, so that both engines compute the same.

What we train is what CTranslate2's TransformerSpec describes: only names differ, and
projections that it keeps in one matrix.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from ctranslate2.specs import TransformerSpec
from ctranslate2.specs.common_spec import Activation
from torch import Tensor, nn

from onnxlate.text import BOS_ID, EOS_ID, UNK_ID
from onnxlate_training.model import (
    DecoderLayer,
    Embedding,
    EncoderLayer,
    FeedForward,
    MultiHeadAttention,
    Transformer,
)

ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation.RELU,
    "gelu": Activation.GELU,
    "silu": Activation.SWISH,
}

Spec = Any
"""Specs take their fields as attributes and know no types."""


def write_model(
    model: Transformer,
    source_tokens: Sequence[str],
    target_tokens: Sequence[str],
    path: Path,
    precision: Literal["fp32", "int8"],
) -> None:
    """Writes the directory; the tokens are the vocabularies' spellings, by id."""
    spec = specification(model)
    spec.register_source_vocabulary(list(source_tokens))
    spec.register_target_vocabulary(list(target_tokens))
    spec.config.unk_token = target_tokens[UNK_ID]
    spec.config.bos_token = target_tokens[BOS_ID]
    spec.config.eos_token = target_tokens[EOS_ID]
    spec.config.decoder_start_token = target_tokens[BOS_ID]
    spec.config.add_source_eos = False  # our sources have theirs already
    spec.validate()
    spec.optimize(quantization="int8" if precision == "int8" else None)
    path.mkdir(parents=True, exist_ok=True)
    spec.save(str(path))


def specification(model: Transformer) -> Spec:
    """The model's weights in CTranslate2's order."""
    config = model.config
    spec: Spec = TransformerSpec.from_config(
        (config.encoder_layers, config.decoder_layers),
        config.heads,
        pre_norm=config.norm == "pre",
        activation=ACTIVATIONS[config.activation],
    )
    [source_embeddings] = spec.encoder.embeddings
    _set_embedding(source_embeddings, model.source_embedding)
    _set_embedding(spec.decoder.embeddings, model.target_embedding)
    spec.decoder.projection.weight = _numbers(model.generator.weight)
    if model.generator.bias is not None:
        spec.decoder.projection.bias = _numbers(model.generator.bias)
    for side in (spec.encoder, spec.decoder):
        side.position_encodings.encodings = _numbers(model.positions)
    for theirs, encoder_layer in zip(
        spec.encoder.layer, model.encoder.stack, strict=True
    ):
        _set_encoder_layer(theirs, encoder_layer)
    for theirs, decoder_layer in zip(
        spec.decoder.layer, model.decoder.stack, strict=True
    ):
        _set_decoder_layer(theirs, decoder_layer)
    if model.encoder.norm and model.decoder.norm:
        _set_norm(spec.encoder.layer_norm, model.encoder.norm)
        _set_norm(spec.decoder.layer_norm, model.decoder.norm)
    return spec


def _set_encoder_layer(spec: Spec, layer: EncoderLayer) -> None:
    _set_self_attention(spec.self_attention, layer.attention, layer.attended.norm)
    _set_feed_forward(spec.ffn, layer.feed_forward, layer.fed.norm)


def _set_decoder_layer(spec: Spec, layer: DecoderLayer) -> None:
    _set_self_attention(
        spec.self_attention, layer.self_attention, layer.looked_back.norm
    )
    across = layer.cross_attention
    _set_linear(spec.attention.linear[0], across.query)
    _set_linear(spec.attention.linear[1], across.key, across.value)
    _set_linear(spec.attention.linear[2], across.out)
    _set_norm(spec.attention.layer_norm, layer.looked_across.norm)
    _set_feed_forward(spec.ffn, layer.feed_forward, layer.fed.norm)


def _set_self_attention(
    spec: Spec, attention: MultiHeadAttention, norm: nn.LayerNorm
) -> None:
    _set_linear(spec.linear[0], attention.query, attention.key, attention.value)
    _set_linear(spec.linear[1], attention.out)
    _set_norm(spec.layer_norm, norm)


def _set_feed_forward(
    spec: Spec, feed_forward: FeedForward, norm: nn.LayerNorm
) -> None:
    _set_linear(spec.linear_0, feed_forward.inner)
    _set_linear(spec.linear_1, feed_forward.outer)
    _set_norm(spec.layer_norm, norm)


def _set_linear(spec: Spec, *layers: nn.Linear) -> None:
    """Several layers become one, their outputs side by side."""
    spec.weight = np.concatenate([_numbers(each.weight) for each in layers])
    spec.bias = np.concatenate([_numbers(each.bias) for each in layers])


def _set_norm(spec: Spec, norm: nn.LayerNorm) -> None:
    spec.gamma, spec.beta = _numbers(norm.weight), _numbers(norm.bias)


def _set_embedding(spec: Spec, embedding: Embedding) -> None:
    spec.weight = _numbers(embedding.weight)
    spec.multiply_by_sqrt_depth = True


def _numbers(tensor: Tensor) -> npt.NDArray[np.float32]:
    return np.asarray(tensor.detach().numpy())
