"""The bundle: a directory that is all serving knows of how a model was made.

`manifest.json` names every other file with its size and SHA-256. docs/bundle.md
describes the format for those who read it without us.
"""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)

from .errors import BundleError

FORMAT = 1
MANIFEST_NAME = "manifest.json"

MAX_LENGTH_PENALTY, MAX_COVERAGE_PENALTY = 10.0, 10.0
"""A model's own is no larger than one that may be asked for."""

Precision = Literal["fp32", "fp16", "int8"]


class _Record(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True
    )


class TensorInfo(_Record):
    """One input or output of a graph."""

    name: str
    dtype: Literal["int64", "bool", "float32", "float16"]
    axes: tuple[str | int, ...]
    """A name where the size is free, a number where it is fixed."""


class GraphInfo(_Record):
    file: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


class FileInfo(_Record):
    bytes: NonNegativeInt
    sha256: str


class ModelInfo(_Record):
    """Sizes a reader needs to make room for the decoder's caches."""

    width: PositiveInt
    """D, the size of a token's vector."""
    heads: PositiveInt
    head_width: PositiveInt
    encoder_layers: PositiveInt
    decoder_layers: PositiveInt
    source_vocabulary: PositiveInt
    target_vocabulary: PositiveInt
    parameters: PositiveInt


class SpecialIds(_Record):
    pad: NonNegativeInt
    unk: NonNegativeInt
    bos: NonNegativeInt
    eos: NonNegativeInt


class Limits(_Record):
    max_source_tokens: PositiveInt
    """Longest source the model reads, end of sentence included."""
    max_target_tokens: PositiveInt
    """Longest target the model writes, end of sentence included."""


class DecodeDefaults(_Record):
    """What decoding does where a request does not say."""

    beam_size: PositiveInt
    length_penalty: float
    max_target_ratio: float
    """Targets are cut at this many tokens per source token, plus `max_target_extra`."""
    max_target_extra: NonNegativeInt
    coverage_penalty: float = Field(default=0.0, ge=0, le=MAX_COVERAGE_PENALTY)
    """Of beams; without an attention graph 0."""

    def max_target_tokens(self, num_source_tokens: int, limits: Limits) -> int:
        """The longest target for a source of that many tokens."""
        ratio = int(num_source_tokens * self.max_target_ratio)
        return min(limits.max_target_tokens, ratio + self.max_target_extra)


class GateReport(_Record):
    """What the export gate saw before it let the bundle be written."""

    sentences: PositiveInt
    text: str
    """Which sentences those were."""
    greedy_equal: NonNegativeInt
    """Of `sentences`, how many decode to the same tokens as in PyTorch, greedy."""
    beam_size: PositiveInt
    beam_equal: NonNegativeInt
    """The same for beam search with `beam_size`."""
    max_logit_difference: float
    """Largest difference of a logit on the path of the greedy search."""
    bleu: float | None = None
    """This bundle's BLEU on `text`, beam search, where references were at hand."""
    bleu_pytorch: float | None = None
    chrf: float | None = None
    chrf_pytorch: float | None = None


class AttentionHead(_Record):
    layer: NonNegativeInt
    """Of the decoder's, the first is 0."""
    head: NonNegativeInt


class AlignmentInfo(_Record):
    """Which attention tells what words belong together, and how well it did."""

    heads: tuple[AttentionHead, ...] = Field(min_length=1)
    """Their mean tells it."""
    step: Literal["fed", "scored"]
    """What a token looked at is taken from the step that is fed the token, or from the
    one before, which scores it."""
    copied_words: NonNegativeInt
    """Words of the gate's sentences that stand in their translations, once in each;"""
    copied_linked: NonNegativeInt
    """and of those, how many look most at themselves."""


class AttentionInfo(_Record):
    """The graph that tells where finished translations looked."""

    graph: GraphInfo
    alignment: AlignmentInfo
    max_difference: float
    """Largest difference of a weight to PyTorch's, on the gate's sentences;"""
    mean_difference: float
    """and what share of a token's attention is elsewhere, in the mean of all."""


class Manifest(_Record):
    format: Literal[1]
    written_by: str
    """Program and version, e.g. "onnxlate 0.1.0"."""
    name: str
    version: str
    source_language: str
    """BCP 47, e.g. "en"."""
    target_language: str
    precision: Precision
    operators: Literal["standard", "onnxruntime"] = "standard"
    """Whether the graphs are ONNX as standardised, or made for onnxruntime's CPU."""
    model: ModelInfo
    special_ids: SpecialIds
    limits: Limits
    defaults: DecodeDefaults
    source_tokenizer: str
    """File name of the SentencePiece model; the same as the target's if joint."""
    target_tokenizer: str
    encoder: GraphInfo
    decoder: GraphInfo
    generator: str | None = None
    """File name of the decoder's last weights, (target_vocabulary, width) as float32;
    given where the decoder scores roughly too, and in no other case."""
    generator_bias: str | None = None
    """File name of what is added to those scores, (target_vocabulary,) as float32; None
    if nothing is."""
    source_prefix: tuple[NonNegativeInt, ...] = ()
    """Ids that stand before every source, such as the target language's."""
    target_prefix: tuple[NonNegativeInt, ...] = ()
    """Ids that every target begins with."""
    attention: AttentionInfo | None = None
    """None in bundles whose translations cannot be aligned."""
    provenance: dict[str, str | int | float]
    """Where the weights come from: recipe, seed, updates, corpus, versions."""
    gate: GateReport
    files: dict[str, FileInfo]

    @model_validator(mode="after")
    def _prefixes_are_in_the_vocabularies(self) -> "Manifest":
        for side, prefix, size in (
            ("source", self.source_prefix, self.model.source_vocabulary),
            ("target", self.target_prefix, self.model.target_vocabulary),
        ):
            if max(prefix, default=0) >= size:
                raise ValueError(
                    f"{side}_prefix has id {max(prefix)} of {size} {side} tokens"
                )
        return self

    @model_validator(mode="after")
    def _coverage_can_be_told(self) -> "Manifest":
        if self.defaults.coverage_penalty and not self.attention:
            raise ValueError("defaults.coverage_penalty needs an attention graph")
        return self

    @property
    def full_name(self) -> str:
        """NAME@VERSION."""
        return f"{self.name}@{self.version}"

    def digest(self) -> str:
        """Sixteen hexadecimal digits that name this very bundle."""
        data = self.model_dump(mode="json", exclude=self._unused())
        text = json.dumps(data, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def text(self) -> str:
        """What MANIFEST_NAME holds. Without what is not used and came later, so that
        older programs read it too."""
        unused = self._unused()
        unused.pop("attention", None)
        return self.model_dump_json(indent=2, exclude=unused) + "\n"

    def _unused(self) -> dict[str, Any]:
        """Fields that bundles of before do not have; those keep their names."""
        later = "attention", "generator_bias", "source_prefix", "target_prefix"
        unused: dict[str, Any] = dict.fromkeys(
            (name for name in later if not getattr(self, name)), True
        )
        if not self.defaults.coverage_penalty:
            unused["defaults"] = {"coverage_penalty"}
        return unused


class Bundle:
    """A bundle on disk whose files are what its manifest says."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest

    @classmethod
    def open(cls, path: Path | str) -> "Bundle":
        """Reads the manifest and checks every file against it, once.

        Raises BundleError: not a bundle, an unknown format, or a damaged file.
        """
        path = Path(path)
        manifest = read_manifest(path)
        for name, info in manifest.files.items():
            _check_file(path, name, info)
        named = {
            manifest.encoder.file,
            manifest.decoder.file,
            manifest.source_tokenizer,
            manifest.target_tokenizer,
            *([manifest.generator] if manifest.generator else []),
            *([manifest.generator_bias] if manifest.generator_bias else []),
            *([manifest.attention.graph.file] if manifest.attention else []),
        }
        if missing := sorted(named - set(manifest.files)):
            raise BundleError(f"{path}: the manifest gives no hash for {missing[0]}")
        return cls(path, manifest)

    @property
    def encoder(self) -> Path:
        return self.path / self.manifest.encoder.file

    @property
    def decoder(self) -> Path:
        return self.path / self.manifest.decoder.file

    @property
    def generator(self) -> Path | None:
        name = self.manifest.generator
        return self.path / name if name else None

    @property
    def generator_bias(self) -> Path | None:
        name = self.manifest.generator_bias
        return self.path / name if name else None

    @property
    def attention(self) -> Path | None:
        info = self.manifest.attention
        return self.path / info.graph.file if info else None

    @property
    def source_tokenizer(self) -> Path:
        return self.path / self.manifest.source_tokenizer

    @property
    def target_tokenizer(self) -> Path:
        return self.path / self.manifest.target_tokenizer


def read_manifest(path: Path) -> Manifest:
    """The manifest of the bundle in directory `path`; raises BundleError."""
    if not path.is_dir():
        raise BundleError(f"{path} is not a directory; a bundle is one")
    try:
        text = (path / MANIFEST_NAME).read_text(encoding="utf-8")
        data: Any = json.loads(text)
    except (OSError, ValueError, RecursionError) as cause:
        raise BundleError(
            f"{path} has no readable {MANIFEST_NAME}; "
            "`onnxlate export RUN -o BUNDLE` writes bundles"
        ) from cause
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else None
        writer = data.get("written_by") if isinstance(data, dict) else None
        raise BundleError(
            f"{path} has bundle format {found!r:.40}, written by {writer!r:.80}; "
            f"this version reads format {FORMAT}"
        )
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as cause:
        first = cause.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path / MANIFEST_NAME}: {where}: {first['msg']}") from cause


def file_info(path: Path) -> FileInfo:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileInfo(bytes=path.stat().st_size, sha256=digest)


def _check_file(path: Path, name: str, info: FileInfo) -> None:
    # A name with a folder in it could reach outside the bundle; so could a link.
    if Path(name).name != name or name in ("", ".", "..") or "\0" in name:
        raise BundleError(f"{path}: {name!r} is not a plain file name")
    try:
        mode = (path / name).lstat().st_mode
        if not stat.S_ISREG(mode):
            raise BundleError(f"{path}: {name} is not a regular file")
        found = file_info(path / name)
    except OSError as cause:
        raise BundleError(f"{path}: {name} is missing or unreadable") from cause
    if found != info:
        raise BundleError(
            f"{path}: {name} is damaged: it has {found.bytes} bytes and SHA-256 "
            f"{found.sha256[:12]}…, the manifest says {info.bytes} and "
            f"{info.sha256[:12]}…; copy the bundle again"
        )
