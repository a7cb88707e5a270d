"""The Transformer of "Attention Is All You Need" (Vaswani et al. 2017), all of it.

Axes: B sentences, R rows of a decoding batch, T target positions, S source
positions, Q and K positions of queries and keys, C capacity of a decoding cache,
D model width, H heads, E = D / H, V vocabulary.

Masks: one kind only. `visible` is boolean and True means "may be looked at". Every
module is handed its mask; none builds one, none infers one from padding.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveInt,
    model_validator,
)
from torch import Tensor, nn
from torch.nn import functional

HEAD_STEP = 8
"""Widths of a head that onnxruntime's attention takes are multiples of it."""

Tying = Literal["none", "output", "all"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
}


class ModelConfig(BaseModel):
    """Everything that decides the shape of the weights and what they compute."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    width: PositiveInt = 128
    """D, the size of a token's vector."""
    heads: PositiveInt = 4
    """Attention heads; they divide the width."""
    feed_forward: PositiveInt = 256
    """Width of the hidden layer between attentions."""
    encoder_layers: PositiveInt = 4
    decoder_layers: PositiveInt = 4
    norm: Literal["pre", "post"] = "post"
    """LayerNorm before each sub-layer (steadier when deep) or after it (the paper)."""
    activation: Literal["relu", "gelu", "silu"] = "relu"
    dropout: NonNegativeFloat = Field(default=0.1, lt=1)
    """Share of activations dropped after embeddings and sub-layers."""
    attention_dropout: NonNegativeFloat = Field(default=0.0, lt=1)
    """Share of attention weights dropped."""
    tying: Tying = "all"
    """Which embeddings share weights: "all" is source, target and output; "output"
    is target and output; "all" needs a joint vocabulary."""
    max_positions: PositiveInt = 512
    """Longest source or target, in tokens."""

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> "ModelConfig":
        if self.width % self.heads or self.width % 2:
            raise ValueError(
                f"width {self.width} must be even and a multiple of heads {self.heads}"
            )
        return self


SIZES: dict[str, ModelConfig] = {
    "tiny": ModelConfig(width=128, heads=4, feed_forward=256),
    "small": ModelConfig(
        width=256, heads=4, feed_forward=1024, encoder_layers=6, decoder_layers=6
    ),
    "base": ModelConfig(
        width=512, heads=8, feed_forward=2048, encoder_layers=6, decoder_layers=6
    ),
    "big": ModelConfig(
        width=1024, heads=16, feed_forward=4096, encoder_layers=6, decoder_layers=6
    ),
}


# ---------------------------------------------------------------------- masks


def visible_words(lengths: Tensor, size: int) -> Tensor:
    """True at real words, False at the padding behind them: (B,) -> (B, size)."""
    positions = torch.arange(size, device=lengths.device)
    return positions < lengths[:, None]


def visible_past(size: int, device: torch.device | None = None) -> Tensor:
    """True at and before each position, the look-ahead mask: (size, size)."""
    return torch.ones(size, size, dtype=torch.bool, device=device).tril()


# ----------------------------------------------------------------- embeddings


def positional_encoding(size: int, width: int) -> Tensor:
    """Sinusoids of geometrically falling frequency: (size, D), section 3.5.

    Each pair of dimensions is a clock hand; moving on by k positions turns every
    hand by a fixed angle, so relative positions are linear maps.
    """
    position = torch.arange(size, dtype=torch.float64)[:, None]
    frequency = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = position * frequency  # (size, D / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).float()


class Embedding(nn.Module):
    """A vector per token, scaled to the size of the positional encoding."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocabulary, width))
        nn.init.normal_(self.weight, std=width**-0.5)

    def forward(self, ids: Tensor) -> Tensor:
        # Initialised small so that the tied output layer starts with logits near
        # zero; scaled up so that words are not drowned by their positions.
        return functional.embedding(ids, self.weight) * math.sqrt(self.weight.shape[1])


class Dropout(nn.Module):
    """Dropout whose masks cost an eighth: one random word decides eight values.

    On a CPU torch draws a whole number per value, a quarter of an update at these
    sizes. The share is rounded to 1/256, and the expectation kept exactly.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self._threshold = min(round(share * 256), 255)  # something must stay

    @property
    def share(self) -> float:
        """As it is rounded."""
        return self._threshold / 256

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self._threshold == 0:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.share)
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64)
        draws = words.random_(-(2**63), None).view(torch.uint8)[: x.numel()]
        kept = (draws >= self._threshold).view(x.shape)
        scale = 256 / (256 - self._threshold)
        return x * (kept * torch.tensor(scale, dtype=x.dtype))


# ------------------------------------------------------------------ attention


def attention(
    queries: Tensor, keys: Tensor, values: Tensor, visible: Tensor, dropout: nn.Module
) -> Tensor:
    """Scaled dot-product attention, section 3.2.1.

    queries (B, H, Q, E), keys and values (B, H, K, E), visible broadcastable to
    (B, H, Q, K) -> (B, H, Q, E). A query that sees nothing gets noise, never NaN.
    """
    if isinstance(dropout, Dropout) and dropout.training and queries.is_cuda:
        return fused_attention(queries, keys, values, visible, dropout.share)
    weights = attention_weights(queries, keys, visible)
    return dropout(weights) @ values  # (B, H, Q, E)


def fused_attention(
    queries: Tensor, keys: Tensor, values: Tensor, visible: Tensor, dropout: float
) -> Tensor:
    """`attention` in one kernel, where every query sees something.

    What limits small models on a GPU is how many kernels there are. On a CPU it is
    slower than the steps one by one.
    """
    return functional.scaled_dot_product_attention(
        queries, keys, values, attn_mask=visible, dropout_p=dropout
    )


def attention_weights(queries: Tensor, keys: Tensor, visible: Tensor) -> Tensor:
    """How much each query looks at each key; rows sum to 1: (B, H, Q, K)."""
    # Dividing by sqrt(E) keeps the variance of a score at one, whatever E is.
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-2, -1)
    # The lowest finite number, not -inf: a row with nothing visible, such as an
    # empty slot of the decode batch, then yields noise instead of NaN.
    scores = scores.masked_fill(~visible, torch.finfo(scores.dtype).min)
    return scores.softmax(dim=-1)


class MultiHeadAttention(nn.Module):
    """H attentions side by side, each over its own E-wide view; section 3.2.2."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query = nn.Linear(config.width, config.width)
        self.key = nn.Linear(config.width, config.width)
        self.value = nn.Linear(config.width, config.width)
        self.out = nn.Linear(config.width, config.width)
        self.dropout = Dropout(config.attention_dropout)
        for linear in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor, memory: Tensor, visible: Tensor) -> Tensor:
        # x: (B, Q, D)   memory: (B, K, D)   visible: (B or 1, 1, Q or 1, K)
        if memory is x:
            queries, keys, values = self.together(x, self.query, self.key, self.value)
        else:
            (queries,) = self.together(x, self.query)  # (B, H, Q, E)
            keys, values = self.together(memory, self.key, self.value)  # (B, H, K, E)
        mixed = attention(queries, keys, values, visible, self.dropout)
        return self.out(self.join(mixed))  # (B, Q, D)

    def together(self, x: Tensor, *linears: nn.Linear) -> list[Tensor]:
        """What each makes of x, split into heads: in training one wide product."""
        if not self.training:  # where somebody may listen to each of them
            return [self.split(linear(x)) for linear in linears]
        weight = torch.cat([linear.weight for linear in linears])
        bias = torch.cat([linear.bias for linear in linears])
        made = functional.linear(x, weight, bias).chunk(len(linears), dim=-1)
        return [self.split(each) for each in made]

    def keys_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """What can be looked at, and what is seen there: twice (B, H, K, E)."""
        return self.split(self.key(memory)), self.split(self.value(memory))

    def step_keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`keys_values` of one position per row: (R, D) -> twice (R, H, E)."""
        shape = x.shape[0], self.heads, -1
        return self.key(x).view(shape), self.value(x).view(shape)

    def step(self, x: Tensor, keys: Tensor, values: Tensor, visible: Tensor) -> Tensor:
        """`forward` for one position per row: (R, D) -> (R, D).

        With one query, splitting into heads and joining them moves no number, so
        rows stay flat and every product is one plain matrix product.
        """
        queries = self.query(x).view(x.shape[0], self.heads, 1, -1)  # (R, H, 1, E)
        mixed = attention(queries, keys, values, visible, self.dropout)
        return self.out(mixed.flatten(1))  # (R, D)

    def split(self, x: Tensor) -> Tensor:
        """(B, Q, D) -> (B, H, Q, E): every head gets a slice of every row."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def join(self, x: Tensor) -> Tensor:
        """(B, H, Q, E) -> (B, Q, D), the inverse of split."""
        return x.transpose(1, 2).flatten(2)


class FeedForward(nn.Module):
    """The same two-layer network at every position; section 3.3."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.inner = nn.Linear(config.width, config.feed_forward)
        self.outer = nn.Linear(config.feed_forward, config.width)
        self.activation = ACTIVATIONS[config.activation]
        for linear in (self.inner, self.outer):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(self.activation(self.inner(x)))


# --------------------------------------------------------------------- layers


def lowered(x: Tensor) -> Tensor:
    """x in the type of the products that come next: once, not before each of them.

    Only mixed precision has another one than float32. LayerNorm's result is float32
    there, and every projection would convert it anew.
    """
    kind = x.device.type
    if not torch.is_autocast_enabled(kind):
        return x
    return x.to(torch.get_autocast_dtype(kind))


class Residual(nn.Module):
    """x + sublayer(x), with a LayerNorm before the sub-layer or after the sum.

    LayerNorm and not BatchNorm: its statistics are one position's own, so a
    translation does not depend on what else is in the batch, in training or later,
    and padding cannot leak into them (docs/masks.md shows both).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.dropout = Dropout(config.dropout)
        self.pre = config.norm == "pre"

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        if self.pre:
            return x + self.dropout(sublayer(lowered(self.norm(x))))
        return self.norm(x + self.dropout(sublayer(x)))


class EncoderLayer(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(config)
        self.feed_forward = FeedForward(config)
        self.attended = Residual(config)
        self.fed = Residual(config)

    def forward(self, x: Tensor, visible: Tensor) -> Tensor:
        x = self.attended(x, lambda x: self.attention(x, x, visible))
        return self.fed(x, self.feed_forward)


@dataclass(frozen=True)
class Memory:
    """What one decoder layer looks at in one step of decoding."""

    cross_keys: Tensor
    """(R, H, S, E) and so the values: the source, made once by the encoder."""
    cross_values: Tensor
    past_keys: Tensor
    """(R, H, C, E) and so the values: the target so far; junk where invisible."""
    past_values: Tensor


def write(past: Tensor, position: Tensor, new: Tensor) -> Tensor:
    """The past with each row's new vectors at its own position.

    past (R, H, C, E), position (R,), new (R, H, E) -> (R, H, C, E). As an index_put
    of whole vectors it becomes ONNX's ScatterND, which writes in place where the
    past and the result are one buffer; scattering numbers one by one takes six
    times longer.
    """
    rows = torch.arange(past.shape[0], device=past.device)[:, None]
    heads = torch.arange(past.shape[1], device=past.device)
    return past.index_put((rows, heads, position[:, None]), new)


class DecoderLayer(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.self_attention = MultiHeadAttention(config)
        self.cross_attention = MultiHeadAttention(config)
        self.feed_forward = FeedForward(config)
        self.looked_back = Residual(config)
        self.looked_across = Residual(config)
        self.fed = Residual(config)

    def forward(
        self, x: Tensor, memory: Tensor, past: Tensor, source_visible: Tensor
    ) -> Tensor:
        # x: (B, T, D)   memory: (B, S, D)   past: (1, 1, T, T)
        x = self.looked_back(x, lambda x: self.self_attention(x, x, past))
        x = self.looked_across(
            x, lambda x: self.cross_attention(x, memory, source_visible)
        )
        return self.fed(x, self.feed_forward)

    def step(
        self,
        x: Tensor,
        memory: Memory,
        position: Tensor,
        target_visible: Tensor,
        source_visible: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`forward` for one new position per row, the rest coming from `memory`.

        x (R, D), position (R,) -> x and the keys and values (R, H, C, E) with the
        new position written into them.
        """
        present: list[tuple[Tensor, Tensor]] = []

        def look_back(x: Tensor) -> Tensor:
            key, value = self.self_attention.step_keys_values(x)  # (R, H, E)
            keys = write(memory.past_keys, position, key)  # (R, H, C, E)
            values = write(memory.past_values, position, value)
            present.append((keys, values))
            return self.self_attention.step(x, keys, values, target_visible)

        def look_across(x: Tensor) -> Tensor:
            return self.cross_attention.step(
                x, memory.cross_keys, memory.cross_values, source_visible
            )

        x = self.looked_back(x, look_back)
        x = self.looked_across(x, look_across)
        return self.fed(x, self.feed_forward), *present[0]


# ---------------------------------------------------------------- transformer


class Encoder(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            EncoderLayer(config) for _ in range(config.encoder_layers)
        )
        # Pre-norm leaves the sum of all sub-layers unnormalised; the end does it.
        self.norm = nn.LayerNorm(config.width) if config.norm == "pre" else None

    @property
    def stack(self) -> Sequence[EncoderLayer]:
        return cast("Sequence[EncoderLayer]", self.layers)

    def forward(self, x: Tensor, visible: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x, visible)
        # All decoder layers look at it.
        return lowered(self.norm(x) if self.norm else x)


class Decoder(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DecoderLayer(config) for _ in range(config.decoder_layers)
        )
        self.norm = nn.LayerNorm(config.width) if config.norm == "pre" else None

    @property
    def stack(self) -> Sequence[DecoderLayer]:
        return cast("Sequence[DecoderLayer]", self.layers)

    def forward(
        self, x: Tensor, memory: Tensor, past: Tensor, source_visible: Tensor
    ) -> Tensor:
        for layer in self.layers:
            x = layer(x, memory, past, source_visible)
        return self.norm(x) if self.norm else x


NEVER = -1e4
"""A bias so low that a token is not chosen. Finite, for infinities do not compare; and
not beyond float16."""


class Generator(nn.Module):
    """From the decoder's last vector to a score for every token of the target."""

    def __init__(self, weight: nn.Parameter, bias: Tensor | None = None) -> None:
        """`bias` (V,) is for other people's models; ours are trained without."""
        super().__init__()
        self.weight = weight  # (V, D), often the target embedding's own
        self.bias: Tensor | None
        self.register_buffer("bias", bias, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight, self.bias)  # (., V)


class Transformer(nn.Module):
    """Reads a source, writes a target; the sum of the parts above."""

    def __init__(
        self, config: ModelConfig, source_vocabulary: int, target_vocabulary: int
    ) -> None:
        """Raises ValueError if embeddings are to be shared by two vocabularies."""
        super().__init__()
        if config.tying == "all" and source_vocabulary != target_vocabulary:
            raise ValueError(
                f'tying "all" needs one vocabulary, not {source_vocabulary} source '
                f"and {target_vocabulary} target tokens"
            )
        self.config = config
        self.source_embedding = Embedding(source_vocabulary, config.width)
        self.target_embedding = (
            self.source_embedding
            if config.tying == "all"
            else Embedding(target_vocabulary, config.width)
        )
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.generator = Generator(
            Embedding(target_vocabulary, config.width).weight
            if config.tying == "none"
            else self.target_embedding.weight
        )
        self.dropout = Dropout(config.dropout)
        self.positions: Tensor
        self.register_buffer(
            "positions",
            positional_encoding(config.max_positions, config.width),
            persistent=False,
        )

    def forward(
        self, source_ids: Tensor, source_visible: Tensor, target_ids: Tensor
    ) -> Tensor:
        """Vectors that the generator turns into scores of each next token.

        (B, S), (B, S), (B, T) -> (B, T, D). Targets are padded on the right; what
        comes out at the padding is to be thrown away, and nothing before it has
        seen it.
        """
        memory = self.encode(source_ids, source_visible)
        past = visible_past(target_ids.shape[1], target_ids.device)[None, None]
        x = self.target_embedding(target_ids) + self.positions[: target_ids.shape[1]]
        return self.decoder(
            self.dropout(x), memory, past, source_visible[:, None, None]
        )

    def encode(self, source_ids: Tensor, source_visible: Tensor) -> Tensor:
        """(B, S), (B, S) -> (B, S, D)."""
        x = self.source_embedding(source_ids) + self.positions[: source_ids.shape[1]]
        return self.encoder(self.dropout(x), source_visible[:, None, None])

    def cross(
        self, source_ids: Tensor, source_visible: Tensor
    ) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of the source for each decoder layer: (B, H, S, E)."""
        memory = self.encode(source_ids, source_visible)
        return [
            layer.cross_attention.keys_values(memory) for layer in self.decoder.stack
        ]

    def step(
        self,
        target_ids: Tensor,
        target_visible: Tensor,
        source_visible: Tensor,
        memories: Sequence[Memory],
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """One token per row, the way a server decodes.

        target_ids (R,), the newest token of each row; target_visible (R, C), True
        at the positions written so far and at the new one, which is the last of
        them; source_visible (R, S). Gives logits (R, V) and, per layer, the keys
        and values (R, H, C, E) that the next step takes as its past.
        """
        # Padding stands on the right, so the last visible position is the newest.
        # A row with nothing visible is empty; anywhere will do.
        position = (target_visible.sum(dim=1) - 1).clamp(min=0)  # (R,)
        x = self.target_embedding(target_ids)
        x = x + functional.embedding(position, self.positions)  # (R, D)
        presents = []
        for layer, memory in zip(self.decoder.stack, memories, strict=True):
            x, keys, values = layer.step(
                x,
                memory,
                position,
                target_visible[:, None, None],
                source_visible[:, None, None],
            )
            presents.append((keys, values))
        if self.decoder.norm:
            x = self.decoder.norm(x)
        return self.generator(x), presents

    def num_parameters(self) -> int:
        """Trained numbers, shared ones once."""
        return sum(parameter.numel() for parameter in self.parameters())
