"""Their weights under our names. Layers are the same ones; only names differ."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from onnxlate.errors import ExportError
from onnxlate_training.model import NEVER, Transformer, Tying, positional_encoding

from .config import M2M100, Config
from .vocabulary import Vocabulary

ATTENTION = {"q_proj": "query", "k_proj": "key", "v_proj": "value", "out_proj": "out"}

ENCODER = {
    **{
        f"self_attn.{theirs}": f"attention.{ours}" for theirs, ours in ATTENTION.items()
    },
    "self_attn_layer_norm": "attended.norm",
    "fc1": "feed_forward.inner",
    "fc2": "feed_forward.outer",
    "final_layer_norm": "fed.norm",
}
DECODER = {
    **{
        f"{part}.{theirs}": f"{mine}.{ours}"
        for part, mine in (
            ("self_attn", "self_attention"),
            ("encoder_attn", "cross_attention"),
        )
        for theirs, ours in ATTENTION.items()
    },
    "self_attn_layer_norm": "looked_back.norm",
    "encoder_attn_layer_norm": "looked_across.norm",
    "fc1": "feed_forward.inner",
    "fc2": "feed_forward.outer",
    "final_layer_norm": "fed.norm",
}


class Weights:
    """What a file has, by their names."""

    def __init__(self, path: Path, found: Mapping[str, Tensor]) -> None:
        self._path = path
        self._found = found

    def any_of(self, *names: str) -> Tensor:
        """The first that is there: what is tied is stored once, under either name."""
        for name in names:
            if name in self._found:
                return self._found[name]
        raise ExportError(f"{self._path} has no weights named {names[0]}")

    def get(self, name: str) -> Tensor | None:
        return self._found.get(name)


def transformer(
    config: Config, weights: Weights, source: Vocabulary, target: Vocabulary
) -> Transformer:
    """Theirs as ours, in evaluation mode; raises ExportError if a part is missing."""
    apart = not config.share_encoder_decoder_embeddings
    scale = 1.0 if config.scale_embedding else config.d_model**-0.5
    untied = not config.tie_word_embeddings or scale != 1.0
    tying: Tying = "none" if untied else "output" if apart else "all"
    with torch.device("meta"):  # nothing is drawn that is then thrown away
        model = Transformer(
            config.model(tying), len(source.names), len(target.names)
        ).eval()
    shared = "model.shared.weight"
    first, last = ("" if apart else shared), "model.decoder.embed_tokens.weight"
    encoder = weights.any_of("model.encoder.embed_tokens.weight", first)
    decoder = weights.any_of(last, first, "lm_head.weight")
    output = weights.any_of("lm_head.weight", last, first)
    named = dict(_layers(config, weights))
    sizes = config.vocab_size, config.target_rows
    named["source_embedding.weight"] = _rows(encoder, source, sizes[0]) * scale
    named["target_embedding.weight"] = _rows(decoder, target, sizes[1]) * scale
    named["generator.weight"] = _rows(output, target, sizes[1])
    if tying == "all":
        named["target_embedding.weight"] = named["source_embedding.weight"]
    if tying != "none":
        named["generator.weight"] = named["target_embedding.weight"]
    try:
        model.load_state_dict(named, assign=True)
    except RuntimeError as cause:
        # The first line says of what class, the second what is wrong.
        reason = str(cause).partition("\n")[2].partition("\n")[0].strip()
        raise ExportError(f"weights and config.json disagree: {reason}") from cause
    model.requires_grad_(True)
    _retie(model, tying)
    model.positions = _positions(config, weights)
    model.generator.bias = _bias(config, weights, target)
    return model


def _retie(model: Transformer, tying: str) -> None:
    """To assign weights makes each its own parameter."""
    if tying == "all":
        model.target_embedding = model.source_embedding
    if tying != "none":
        model.generator.weight = model.target_embedding.weight


def _layers(config: Config, weights: Weights) -> Iterator[tuple[str, Tensor]]:
    for side, names, count in (
        ("encoder", ENCODER, config.encoder_layers),
        ("decoder", DECODER, config.decoder_layers),
    ):
        for at in range(count):
            place = f"{side}.layers.{at}"
            for theirs, ours in names.items():
                for part in ("weight", "bias"):
                    found = weights.any_of(f"model.{place}.{theirs}.{part}")
                    yield f"{place}.{ours}.{part}", found
        if config.model_type == M2M100:
            for part in ("weight", "bias"):
                found = weights.any_of(f"model.{side}.layer_norm.{part}")
                yield f"{side}.norm.{part}", found


def _rows(table: Tensor, vocabulary: Vocabulary, size: int) -> Tensor:
    if len(table) != size:
        raise ExportError(
            f"weights and config.json disagree: there are {len(table)} rows for a "
            f"vocabulary of {size}"
        )
    return table[torch.tensor(vocabulary.theirs)]


def _bias(config: Config, weights: Weights, target: Vocabulary) -> Tensor:
    found = weights.get("final_logits_bias")
    bias = torch.zeros(config.target_rows) if found is None else found.flatten()
    bias = _rows(bias, target, config.target_rows)
    bias[sorted(target.unsaid)] = NEVER
    return bias


def _positions(config: Config, weights: Weights) -> Tensor:
    """(positions, D)."""
    size, width = config.max_position_embeddings, config.d_model
    if config.model_type == M2M100:
        return m2m100_positions(size, width)
    stored = "model.encoder.embed_positions.weight"
    found = weights.get(stored)
    if found is not None and not torch.allclose(
        found, marian_positions(*found.shape), atol=1e-4
    ):
        raise ExportError(
            f"{stored} are not Marian's sinusoids; learnt positions are not supported"
        )
    return marian_positions(size, width)


def marian_positions(size: int, width: int) -> Tensor:
    """Ours with all sines before all cosines."""
    ours = positional_encoding(size, width)
    return torch.cat([ours[:, 0::2], ours[:, 1::2]], dim=1)


def m2m100_positions(size: int, width: int) -> Tensor:
    """As tensor2tensor has them, where the last frequency is 1/10000 itself; and as
    fairseq counts, whose first position is 2."""
    half = width // 2
    step = math.log(10000) / (half - 1)
    frequency = torch.exp(torch.arange(half, dtype=torch.int64).float() * -step)
    position = torch.arange(2, size + 2, dtype=torch.int64).float()
    angle = position[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=1)
