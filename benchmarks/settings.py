"""How each engine is set up, and what it is given to do: what a worker is told."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
)


class Record(BaseModel):
    """A value that travels between processes, or into a file."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True
    )


Device = Literal["cpu", "cuda"]


class OursSettings(Record):
    engine: Literal["onnxlate"] = "onnxlate"
    model: Path
    """A bundle."""

    device: Device = "cpu"

    workers: PositiveInt | None = None
    """Threads that decode, each a batch of its own; None is what a server does."""

    threads: PositiveInt | None = None
    """Threads inside one operator; None is what a server does."""

    max_rows: PositiveInt | None = None
    """Rows decoded at once by each worker; None is what a server does."""

    @property
    def environment(self) -> dict[str, str]:
        return {}


class CTranslate2Settings(Record):
    engine: Literal["ctranslate2"] = "ctranslate2"
    model: Path
    """A directory as onnxlate_export writes it."""

    device: Device = "cpu"
    compute_type: str = "default"
    inter_threads: PositiveInt = 1
    """Batches translated at once."""

    intra_threads: PositiveInt = 1
    """Threads inside one operator."""

    max_batch_size: PositiveInt = 32
    batch_type: Literal["examples", "tokens"] = "examples"
    call: Literal["batch", "iterable"] = "batch"
    """translate_batch, which sorts everything by length, or translate_iterable."""

    use_mkl: bool | None = None
    """Whether Intel's MKL multiplies, by CT2_USE_MKL; None leaves it to CTranslate2,
    which takes MKL on Intel's processors only."""

    packed_gemm: bool = False
    """Whether weights are packed in advance, where MKL is in use."""

    def at(self, model: Path) -> "CTranslate2Settings":
        """The same for another directory."""
        return self.model_copy(update={"model": model})

    @property
    def environment(self) -> dict[str, str]:
        """What is read when the library is loaded."""
        named = {}
        if self.use_mkl is not None:
            named["CT2_USE_MKL"] = str(int(self.use_mkl))
        if self.packed_gemm:
            named["CT2_USE_EXPERIMENTAL_PACKED_GEMM"] = "1"
        return named


class CTranslate2ServerSettings(Record):
    translator: CTranslate2Settings
    source_tokenizer: Path
    target_tokenizer: Path
    max_batch_size: PositiveInt = 32
    """Sentences in one call."""

    wait_seconds: NonNegativeFloat = 0.002
    """How long the first of a batch waits for others where the translator is free."""

    max_waiting: PositiveInt = 1024
    """Sentences that may wait before calls are refused."""


class PyTorchSettings(Record):
    engine: Literal["pytorch"] = "pytorch"
    model: Path
    """A folder of timing_models.py, with the weights."""

    threads: PositiveInt = 1
    max_batch_tokens: PositiveInt = 4096

    @property
    def environment(self) -> dict[str, str]:
        return {"OMP_NUM_THREADS": str(self.threads)}


class MarianSettings(Record):
    engine: Literal["marian"] = "marian"
    model: Path
    """A folder of timing_models.py, with the weights."""

    threads: PositiveInt = 1
    max_batch_size: PositiveInt = 32
    """Sentences in one call of `generate`."""

    @property
    def environment(self) -> dict[str, str]:
        return {"OMP_NUM_THREADS": str(self.threads)}


class HuggingFaceSettings(MarianSettings):
    engine: Literal["huggingface"] = "huggingface"  # type: ignore[assignment]
    model: Path
    """A folder of Hugging Face's, of what a bundle was imported from."""


TheirSettings = Annotated[
    CTranslate2Settings | PyTorchSettings | MarianSettings | HuggingFaceSettings,
    Field(discriminator="engine"),
]

Settings = Annotated[OursSettings | TheirSettings, Field(discriminator="engine")]


class Job(Record):
    """Sentences to translate, again and again."""

    sources: list[list[int]]
    """Token ids, the end of sentence included."""

    forced: list[int] = []
    """Target tokens that each has to have; empty where the model ends sentences."""

    beam_size: PositiveInt = 1
    max_target_tokens: PositiveInt = 256
    """Longest target where none is forced."""

    def limits(self) -> list[tuple[int, int]]:
        """Shortest and longest target of each, in tokens."""
        if self.forced:
            return [(length, length) for length in self.forced]
        return [(0, self.max_target_tokens)] * len(self.sources)

    def first(self, count: int) -> "Job":
        """The same with fewer sentences."""
        return self.model_copy(
            update={"sources": self.sources[:count], "forced": self.forced[:count]}
        )

    def num_tokens(self, targets: list[list[int]]) -> int:
        """Steps of the decoder: the end of sentence counts where there was room."""
        return sum(
            min(len(target) + 1, longest)
            for target, (_, longest) in zip(targets, self.limits(), strict=True)
        )


class Open(Record):
    do: Literal["open"] = "open"
    settings: Settings


class Prepare(Record):
    do: Literal["prepare"] = "prepare"
    job: Job


class RunRound(Record):
    do: Literal["round"] = "round"


class RunLatencies(Record):
    do: Literal["latencies"] = "latencies"


class Say(Record):
    do: Literal["say"] = "say"


Command = Annotated[
    Open | Prepare | RunRound | RunLatencies | Say, Field(discriminator="do")
]


class Memory(Record):
    """Of a process, in bytes."""

    resident: NonNegativeInt
    peak: NonNegativeInt


class Round(Record):
    """Everything translated once."""

    seconds: float
    cpu_seconds: float
    """Of all threads; far from `seconds` times threads where somebody was in the
    way."""

    tokens: int
    memory: Memory


class Latencies(Record):
    """Everything translated once, one sentence after the other."""

    seconds: list[float]
    cpu_seconds: float
    tokens: int


class Targets(Record):
    tokens: list[list[int]]
    """Of each sentence, without the end of sentence."""
