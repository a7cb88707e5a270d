"""The recipe: everything that decides what a training run does, in one TOML file."""

import difflib
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from onnxlate.bundle import MAX_COVERAGE_PENALTY, MAX_LENGTH_PENALTY, DecodeDefaults
from onnxlate.errors import ConfigError

from .model import SIZES, ModelConfig
from .schedule import ScheduleConfig

# Long enough for any language pair, short enough that a model that never ends a
# sentence, as all do at first, is soon done.
MAX_TARGET_RATIO = 2.0
MAX_TARGET_EXTRA = 20


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )


class DataConfig(_Section):
    source_language: str = Field(min_length=2)
    """BCP 47, e.g. "en"."""
    target_language: str = Field(min_length=2)
    folder: Path = Path()
    """Where the files below are, unless their paths are absolute."""
    train_source: tuple[Path, ...] = Field(min_length=1)
    """Plain or .gz text, one sentence a line; several files are one after another."""
    train_target: tuple[Path, ...] = Field(min_length=1)
    """As many files as train_source; line n belongs to line n."""
    valid_source: Path
    valid_target: Path
    window: PositiveInt = 1_000_000
    """Pairs that are mixed with each other: those of a larger corpus are learnt from
    so many at a time, drawn anew in every epoch. Each process plans with about 100
    bytes for one of them, and some 300 more with tokenizer.dropout."""

    @model_validator(mode="after")
    def _files_pair_up(self) -> "DataConfig":
        if len(self.train_source) != len(self.train_target):
            raise ValueError(
                f"train_source has {len(self.train_source)} files and "
                f"train_target {len(self.train_target)}; they go in pairs"
            )
        return self


class FilterConfig(_Section):
    """Which training pairs are left out; the run reports how many, and why."""

    max_tokens: PositiveInt = 200
    """Pairs with a longer side, in tokens, are dropped."""
    max_ratio: PositiveFloat = 4.0
    """Pairs whose longer side has more than this many times the tokens of the
    shorter, plus ten, are dropped."""
    deduplicate: bool = True
    """Whether only the first of equal pairs is kept."""
    drop_copies: bool = False
    """Whether pairs whose target is the source are dropped."""


class AugmentConfig(_Section):
    """Training pairs that are made on top; the run reports how many."""

    placeholders: NonNegativeFloat = Field(default=0.0, le=1)
    """Share of the pairs with names or numbers that both sides have, which come again
    with placeholder symbols in their place (tokenizer.placeholders)."""
    renamed: NonNegativeFloat = Field(default=0.0, le=1)
    """Share of such pairs that comes again with other names of the text and other
    numbers, on both sides, so that copying is learnt and not the names."""
    plain: NonNegativeFloat = Field(default=0.0, le=1)
    """Share that comes again with the source in small letters and without closing
    punctuation, as people type."""
    joined: NonNegativeFloat = Field(default=0.0, le=1)
    """Share that comes again behind one or two others, as one longer text."""
    conjoined: NonNegativeFloat = Field(default=0.0, le=1)
    """Share of the statements that comes again as the second half of a sentence, joined
    to another one by one of the `conjunctions`."""
    conjunctions: list[tuple[str, str]] = []
    """Source and target, with spaces and commas: [[" and ", " und "]]. For languages
    whose statements keep their word order behind them."""
    like_validation: NonNegativeInt = 0
    """Times that a pair of a length that is rarer here than in the validation text
    comes in all, at most; so short training text is learnt from as users will write.
    0 and 1 leave lengths alone."""


class TokenizerConfig(_Section):
    kind: Literal["joint", "split"] = "joint"
    """One SentencePiece model for both languages, or one each."""
    vocabulary: PositiveInt = Field(default=8000, lt=2**31)
    """Tokens of each SentencePiece model, special ones included; of "bytes" as many as
    there are."""
    algorithm: Literal["bpe", "unigram", "bytes"] = "bpe"
    """What tokens are: pieces of words as one of these two finds them in the text, or
    ASCII's characters and of all others the bytes, which no text has to be known for.
    """
    character_coverage: PositiveFloat = Field(default=1.0, ge=0.98, le=1)
    """Share of the text's characters that get a token; 0.9995 for Chinese."""
    normalization: Literal["nmt_nfkc", "nfkc", "identity"] = "nmt_nfkc"
    """What characters are folded into others before the text is cut: compatibility
    forms (NFKC: "ﬁ" is "fi", "！" is "!") and, with nmt_, control characters and all
    kinds of blanks; with identity none, and a model can write whatever it reads.
    Several spaces are read as one in any case."""
    max_lines: PositiveInt = Field(default=1_000_000, ge=101)
    """Lines that it is trained on at most, drawn from all; 400 bytes of memory each."""
    byte_fallback: bool = True
    """Whether characters without a token are spelt in bytes, so that none is
    unknown; costs 256 tokens."""
    placeholders: NonNegativeInt = Field(default=0, le=100)
    """Symbols, ⟦0⟧ and on, that stand for what is not to be translated."""
    dropout: NonNegativeFloat = Field(default=0.0, lt=1)
    """Share of BPE's merges left out at random while training, so that every epoch
    cuts the text anew: BPE-dropout, Provilkov et al. 2020."""

    @model_validator(mode="after")
    def _belongs_together(self) -> "TokenizerConfig":
        if self.dropout and self.algorithm != "bpe":
            raise ValueError(f'dropout needs algorithm "bpe", not "{self.algorithm}"')
        if self.algorithm == "bytes" and not self.byte_fallback:
            raise ValueError('algorithm "bytes" is byte_fallback for all but ASCII')
        return self


class BatchConfig(_Section):
    max_tokens: PositiveInt = 4096
    """Padded tokens of the longer side in one batch."""
    accumulate: PositiveInt = 1
    """Batches summed into one update, over all processes together: at least as many
    as there are processes, best a multiple of that."""


class OptimizerConfig(_Section):
    name: Literal["adam", "adamw", "muon"] = "adam"
    """muon is for the matrices between embedding and output, and AdamW for the rest."""
    beta1: NonNegativeFloat = Field(default=0.9, lt=1)
    beta2: NonNegativeFloat = Field(default=0.98, lt=1)
    epsilon: PositiveFloat = 1e-9
    momentum: NonNegativeFloat = Field(default=0.95, lt=1)
    """Muon's."""
    weight_decay: NonNegativeFloat = 0.0
    clip_norm: NonNegativeFloat = 1.0
    """Gradients longer than this are shortened to it; 0 leaves them alone."""


class TrainConfig(_Section):
    start_from: Path | None = None
    """A run whose weights and tokenizers this one begins with, to learn other text on
    top of what it knows; [model] and [tokenizer] must be as there, but for dropout."""
    max_updates: PositiveInt = 8000
    label_smoothing: NonNegativeFloat = Field(default=0.1, lt=1)
    consistency: NonNegativeFloat = 0.0
    """R-Drop's alpha: every sentence runs twice, and what dropout makes of it is
    pulled together. Twice the cost; 1 to 5 is usual. Liang et al. 2021."""
    consistency_after: NonNegativeInt = 0
    """Updates that go without it: what it is good against, learning the text by
    heart, is no danger yet."""
    validate_every: PositiveInt = 500
    """Updates between validations; each also saves a checkpoint."""
    save_every: PositiveInt = 500
    """Updates between checkpoints."""
    log_every: PositiveInt = 50
    """Updates between lines of the log."""
    keep_last: PositiveInt = 5
    """Newest checkpoints that stay on disk."""
    keep_best: NonNegativeInt = 3
    """Checkpoints of best validation that stay on disk."""
    average: Literal["none", "last", "best"] = "last"
    """Which checkpoints' weights the final model averages; "none" takes the best."""
    metric: Literal["bleu", "chrf", "loss"] = "bleu"
    """What "best" means, on the validation text."""
    patience: NonNegativeInt = 0
    """Validations without a new best after which training stops; 0 never stops."""
    threads: NonNegativeInt = Field(default=0, le=1024)
    """CPU threads per process; 0 leaves it to torch."""
    exchange: Literal["fp64", "fp32", "bf16"] = "fp64"
    """What several processes send each other their gradients in: fp64 gives the sums of
    one process; fp32 is half as much over the network, and rounds each process's
    gradients to seven digits, bf16 a quarter, and to three."""
    lost_after: PositiveFloat = 300.0
    """Seconds that an exchange of gradients may take until another process counts as
    lost, such as one on a machine that is no longer reached."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Of the products in training. On a GPU "auto" is bf16 where the card has it, else
    fp16. On a CPU it is fp32; bf16 is quicker where the CPU multiplies it itself
    (AVX512-BF16 or AMX)."""


class DecodeConfig(_Section):
    """How validation decodes, and the exported model by default."""

    beam_size: PositiveInt = 1
    """In validations during training."""
    default_beam_size: PositiveInt = 5
    """Of the exported model, where a request does not say."""
    length_penalty: NonNegativeFloat = Field(default=1.0, le=MAX_LENGTH_PENALTY)
    """Exponent of the length that log-probabilities are divided by."""
    default_coverage_penalty: NonNegativeFloat = Field(
        default=0.0, le=MAX_COVERAGE_PENALTY
    )
    """Of the exported model's beams, where a request does not say; 0 is off."""
    max_sentences: PositiveInt = 2000
    """Validation sentences that are decoded; the first ones."""

    @property
    def defaults(self) -> DecodeDefaults:
        """What the exported model does where a request does not say."""
        return decode_defaults(
            self.default_beam_size, self.length_penalty, self.default_coverage_penalty
        )


def decode_defaults(
    beam_size: int, length_penalty: float, coverage_penalty: float = 0.0
) -> DecodeDefaults:
    return DecodeDefaults(
        beam_size=beam_size,
        length_penalty=length_penalty,
        coverage_penalty=coverage_penalty,
        max_target_ratio=MAX_TARGET_RATIO,
        max_target_extra=MAX_TARGET_EXTRA,
    )


class Recipe(_Section):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Of the run's folder and of the exported model."""
    seed: NonNegativeInt = Field(default=1, lt=2**32)
    """SentencePiece takes 32 bits of it."""
    data: DataConfig
    filter: FilterConfig = FilterConfig()
    augment: AugmentConfig = AugmentConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
    model: ModelConfig = ModelConfig()
    batch: BatchConfig = BatchConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    train: TrainConfig = TrainConfig()
    decode: DecodeConfig = DecodeConfig()

    @model_validator(mode="before")
    @classmethod
    def _expand_size(cls, data: Any) -> Any:
        """`size = "tiny"` under [model] stands for all of that size's numbers."""
        if isinstance(data, dict) and isinstance(data.get("model"), dict):
            model = dict(data["model"])
            size = model.pop("size", None)
            # Whatever TOML has, lists too.
            if size is not None and size not in tuple(SIZES):
                raise ValueError(f"model.size is {size!r}; there is {', '.join(SIZES)}")
            if size is not None:
                data = {**data, "model": SIZES[size].model_dump() | model}
        return data

    @model_validator(mode="after")
    def _belongs_together(self) -> "Recipe":
        if self.model.tying == "all" and self.tokenizer.kind == "split":
            raise ValueError('model.tying "all" needs tokenizer.kind "joint"')
        if self.augment.placeholders and not self.tokenizer.placeholders:
            raise ValueError(
                "augment.placeholders needs symbols: tokenizer.placeholders is 0"
            )
        if self.filter.max_tokens > self.model.max_positions:
            raise ValueError(
                f"filter.max_tokens is {self.filter.max_tokens}, but the model has "
                f"{self.model.max_positions} positions (model.max_positions)"
            )
        if self.filter.max_tokens > self.batch.max_tokens:
            raise ValueError(
                f"filter.max_tokens is {self.filter.max_tokens}: such a sentence does "
                f"not fit a batch of {self.batch.max_tokens} (batch.max_tokens)"
            )
        return self


def load_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Reads a recipe and applies "section.key=value" changes to it.

    Raises ConfigError for a file that is no TOML, a key that does not exist (and
    names the one that was probably meant) and a value that cannot be.
    """
    try:
        # Some editors put a byte-order mark before the first line.
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as cause:
        raise ConfigError(f"there is no recipe {path}") from cause
    except (OSError, ValueError) as cause:
        raise ConfigError(f"{path} cannot be read as TOML: {cause}") from cause
    for change in changes:
        _apply(data, change)
    recipe = parse_recipe(data, str(path))
    if futile := _futile(recipe):
        raise ConfigError(f"{path}: {futile}")
    return recipe


def _futile(recipe: Recipe) -> str | None:
    """What asks for something and leaves out what that needs; earlier versions let it
    pass, so that a finished run's recipe may have it."""
    train, augment = recipe.train, recipe.augment
    if train.average != "last" and not train.keep_best:
        return f'train.average "{train.average}" needs train.keep_best of 1 or more'
    if augment.conjoined and not augment.conjunctions:
        return "augment.conjoined needs words to join by: augment.conjunctions is []"
    return None


def parse_recipe(data: dict[str, Any], origin: str) -> Recipe:
    """Raises ConfigError; `origin` is what its text calls the data."""
    try:
        return Recipe.model_validate(data)
    except ValidationError as cause:
        # A key that is written wrong is the reason why another is missing.
        first = min(cause.errors(), key=lambda each: each["type"] != "extra_forbidden")
        raise ConfigError(f"{origin}: {_explain(first)}") from cause


def changed_keys(one: Recipe, other: Recipe) -> list[str]:
    """Dotted names of the keys in which two recipes differ."""
    left, right = dict(_leaves(one)), dict(_leaves(other))
    return [key for key in left if left[key] != right[key]]


def _leaves(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, object]]:
    for key in type(model).model_fields:
        value = getattr(model, key)
        if isinstance(value, BaseModel):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _apply(data: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {change}: write it as section.key=value")
    try:
        value: object = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string
    *sections, last = key.strip().split(".")
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise ConfigError(f"--set {change}: {section} is not a section")
    data[last] = value


_LIST = 'a list is wanted, as ["a", "b"]'

# What pydantic would say in Python's words.
_WANTED = {
    "model_type": "a section is wanted, as section.key",
    "tuple_type": _LIST,
    "list_type": _LIST,
    "string_type": "text in quotes is wanted",
    "path_type": "a path in quotes is wanted",
}


def _explain(error: Any) -> str:
    parts = [str(part) for part in error["loc"]]
    where = ".".join(parts)
    if error["type"] == "missing":
        return f"{where} is missing"
    if error["type"] != "extra_forbidden":
        given = "" if isinstance(error["input"], dict) else f" (is {error['input']!r})"
        message = error["msg"].removeprefix("Value error, ")
        message = _WANTED.get(error["type"], message)
        return f"{where}: {message}{given}" if where else message
    *sections, last = parts
    fields = _fields(sections)
    close = difflib.get_close_matches(last, fields, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there is {', '.join(fields)}"
    return f"{where} is not a key; {hint}"


def _fields(sections: Sequence[str]) -> list[str]:
    model: type[BaseModel] = Recipe
    for section in sections:
        inner = model.model_fields[section].annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return [*model.model_fields, *(["size"] if model is ModelConfig else [])]
