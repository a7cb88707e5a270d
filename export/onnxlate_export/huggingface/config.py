"""config.json and generation_config.json, as far as they say what is computed."""

from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from onnxlate.errors import ExportError
from onnxlate_training.model import ModelConfig, Tying

from .files import read_json

ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "swish": "silu", "silu": "silu"}

CONFIG, GENERATION = "config.json", "generation_config.json"

MARIAN, M2M100 = "marian", "m2m_100"

FIXED: dict[str, bool] = {
    "normalize_before": False,
    "normalize_embedding": False,
    "add_final_layer_norm": False,
    "static_position_embeddings": True,
}
"""What old files of Marian's say beside, and what of it there is."""


Fields = TypeVar("Fields", bound=BaseModel)


class Config(BaseModel):
    """The fields that matter; others are of training or of no consequence."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model_type: Literal["marian", "m2m_100"]
    d_model: PositiveInt
    encoder_layers: PositiveInt
    decoder_layers: PositiveInt
    encoder_attention_heads: PositiveInt
    decoder_attention_heads: PositiveInt
    encoder_ffn_dim: PositiveInt
    decoder_ffn_dim: PositiveInt
    activation_function: str
    max_position_embeddings: PositiveInt
    vocab_size: PositiveInt
    decoder_vocab_size: PositiveInt | None = None
    pad_token_id: int
    eos_token_id: int
    decoder_start_token_id: int
    scale_embedding: bool = False
    share_encoder_decoder_embeddings: bool = True
    tie_word_embeddings: bool = True

    @property
    def target_rows(self) -> int:
        return self.decoder_vocab_size or self.vocab_size

    def model(self, tying: Tying) -> ModelConfig:
        """The same sizes as one of ours; their heads divide the width."""
        return ModelConfig(
            width=self.d_model,
            heads=self.encoder_attention_heads,
            feed_forward=self.encoder_ffn_dim,
            encoder_layers=self.encoder_layers,
            decoder_layers=self.decoder_layers,
            norm="post" if self.model_type == MARIAN else "pre",
            activation=ACTIVATIONS[self.activation_function],
            dropout=0.0,
            tying=tying,
            max_positions=self.max_position_embeddings,
        )


class Generation(BaseModel):
    """How their `generate` searches, if nothing else is said."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    num_beams: PositiveInt = 1
    length_penalty: float = 1.0
    bad_words_ids: list[list[int]] | None = None

    @property
    def bad_words(self) -> set[int]:
        """Ids that are never said."""
        return {each for words in self.bad_words_ids or () for each in words}


def read_config(folder: Path) -> Config:
    """Raises ExportError that names what this program does not have."""
    path = folder / CONFIG
    data = read_json(path)
    kind = data.get("model_type")
    if kind not in (MARIAN, M2M100):
        raise ExportError(
            f"{path}: model_type is {kind!r:.40}; what can be imported is "
            f"{MARIAN!r} (MarianMT, OPUS-MT) and {M2M100!r} (M2M100, NLLB)"
        )
    config = _parsed(Config, data, path)
    if config.activation_function not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        _refuse(path, "activation_function", config.activation_function, known)
    for field, other in (
        ("decoder_attention_heads", "encoder_attention_heads"),
        ("decoder_ffn_dim", "encoder_ffn_dim"),
    ):
        given, wanted = getattr(config, field), getattr(config, other)
        if given != wanted:
            _refuse(path, field, given, f"as many as {other}, {wanted}")
    if config.d_model % config.encoder_attention_heads or config.d_model % 2:
        heads = config.encoder_attention_heads
        _refuse(path, "d_model", config.d_model, f"even multiples of {heads} heads")
    for field, only in FIXED.items():
        if data.get(field, only) != only:
            _refuse(path, field, data[field], only)
    return config


def read_generation(folder: Path) -> Generation:
    """Older models keep it in config.json."""
    path = folder / GENERATION
    if not path.is_file():
        path = folder / CONFIG
    # What config.json does not say stands there as null.
    data = {name: each for name, each in read_json(path).items() if each is not None}
    found = _parsed(Generation, data, path)
    for words in found.bad_words_ids or ():
        if len(words) != 1:
            _refuse(path, "bad_words_ids", words, "single ids")
    return found


def _parsed(kind: type[Fields], data: dict[str, Any], path: Path) -> Fields:
    try:
        return kind.model_validate(data)
    except ValidationError as cause:
        first = cause.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        missing = first["type"] == "missing"
        given = "missing" if missing else f"{first['input']!r:.60}"
        raise ExportError(f"{path}: {where} is {given}: {first['msg']}") from cause


def _refuse(path: Path, field: str, given: object, supported: object) -> NoReturn:
    raise ExportError(f"{path}: {field} is {given!r:.60}; supported: {supported}")
