"""Our weights as a model of Hugging Face Transformers, so that both compute the same.

MarianMTModel normalises after each sub-layer. Ours that normalise before it are what
M2M100 describes, whose layers are Marian's otherwise. Their sinusoids stand in another
order than ours, so they are given ours.
"""

from typing import Any

from torch import Tensor, nn
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
)

from onnxlate.text import BOS_ID, EOS_ID, PAD_ID
from onnxlate_training.model import (
    DecoderLayer,
    Embedding,
    EncoderLayer,
    MultiHeadAttention,
    Transformer,
)

Module = Any
"""Theirs; nn.Module knows no types of what it consists of."""


def converted(model: Transformer) -> MarianMTModel | M2M100ForConditionalGeneration:
    """The same function, made of the modules of `model`."""
    config = model.config
    given: dict[str, Any] = {
        "vocab_size": len(model.generator.weight),
        "d_model": config.width,
        "encoder_layers": config.encoder_layers,
        "decoder_layers": config.decoder_layers,
        "encoder_attention_heads": config.heads,
        "decoder_attention_heads": config.heads,
        "encoder_ffn_dim": config.feed_forward,
        "decoder_ffn_dim": config.feed_forward,
        "activation_function": config.activation,
        "max_position_embeddings": config.max_positions,
        "scale_embedding": True,
        "dropout": config.dropout,
        "attention_dropout": config.attention_dropout,
        "activation_dropout": 0.0,
        "encoder_layerdrop": 0.0,
        "decoder_layerdrop": 0.0,
        "pad_token_id": PAD_ID,
        "bos_token_id": BOS_ID,
        "eos_token_id": EOS_ID,
        "forced_eos_token_id": None,
        "decoder_start_token_id": BOS_ID,
    }
    theirs: Module
    if config.norm == "pre":
        theirs = M2M100ForConditionalGeneration(M2M100Config(**given))
        theirs.model.encoder.layer_norm = model.encoder.norm
        theirs.model.decoder.layer_norm = model.decoder.norm
    else:
        theirs = MarianMTModel(MarianConfig(**given))
    encoder, decoder = theirs.model.encoder, theirs.model.decoder
    _set_embeddings(encoder, model.source_embedding, model.positions)
    _set_embeddings(decoder, model.target_embedding, model.positions)
    theirs.model.shared = decoder.embed_tokens
    theirs.lm_head.weight = model.generator.weight
    for their_layer, encoder_layer in zip(
        encoder.layers, model.encoder.stack, strict=True
    ):
        _set_encoder_layer(their_layer, encoder_layer)
    for their_layer, decoder_layer in zip(
        decoder.layers, model.decoder.stack, strict=True
    ):
        _set_decoder_layer(their_layer, decoder_layer)
    theirs.eval()
    return theirs


def _set_embeddings(side: Module, embedding: Embedding, positions: Tensor) -> None:
    side.embed_tokens.weight = embedding.weight
    if hasattr(side.embed_positions, "weights"):
        side.embed_positions.weights = positions
        # M2M100 counts what is no padding. That is none here, as with us: the source's
        # is not looked at, and a target may have its id, if the weights are random.
        side.embed_positions.padding_idx = -1
    else:
        side.embed_positions.weight = nn.Parameter(positions, requires_grad=False)


def _set_encoder_layer(theirs: Module, ours: EncoderLayer) -> None:
    _set_attention(theirs.self_attn, ours.attention)
    theirs.self_attn_layer_norm = ours.attended.norm
    _set_feed_forward(theirs, ours)


def _set_decoder_layer(theirs: Module, ours: DecoderLayer) -> None:
    _set_attention(theirs.self_attn, ours.self_attention)
    theirs.self_attn_layer_norm = ours.looked_back.norm
    _set_attention(theirs.encoder_attn, ours.cross_attention)
    theirs.encoder_attn_layer_norm = ours.looked_across.norm
    _set_feed_forward(theirs, ours)


def _set_attention(theirs: Module, ours: MultiHeadAttention) -> None:
    theirs.q_proj, theirs.k_proj = ours.query, ours.key
    theirs.v_proj, theirs.out_proj = ours.value, ours.out


def _set_feed_forward(theirs: Module, ours: EncoderLayer | DecoderLayer) -> None:
    theirs.fc1, theirs.fc2 = ours.feed_forward.inner, ours.feed_forward.outer
    theirs.final_layer_norm = ours.fed.norm
