"""What was measured, as it is written to a file and read again for the report."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from onnxlate.cli.files import output_file
from onnxlate.errors import ConfigError

from .analysis_cells import FloorCell, FootprintCell, ScalingCell
from .cell import Cell
from .settings import (
    CTranslate2ServerSettings,
    Memory,
    OursSettings,
    Record,
    TheirSettings,
)
from .trainer_settings import OursTrainerSettings, TheirTrainerSettings


class OfflineCell(Cell):
    """Tokens a second over a whole text."""

    benchmark: Literal["offline"] = "offline"
    sentences: int
    tokens: int
    equal: int
    """Sentences with the same tokens from both."""

    alike: float | None = None
    """Share of the tokens that are the same at the same place; files of old do not
    say."""

    our_rounds: list[float]
    """Tokens a second."""

    their_rounds: list[float]
    our_cores: float
    """CPU seconds a second; much less than threads means that somebody was in the
    way."""

    their_cores: float
    our_memory: Memory
    their_memory: Memory
    our_settings: OursSettings
    their_settings: TheirSettings


class LatencyCell(Cell):
    """Milliseconds for a sentence that is alone; `ours` and `theirs` are medians."""

    benchmark: Literal["latency"] = "latency"
    sentences: int
    equal: int
    our_p99: float
    their_p99: float
    our_settings: OursSettings
    their_settings: TheirSettings


class LoadPoint(Record):
    """A server under one load."""

    rate: float
    """Calls a second, on average."""

    calls: int
    within: float
    """Share of the calls that were answered within the limit."""

    goodput: float
    """Such answers a second."""

    p50: float | None
    """Milliseconds of those that were answered at all."""

    p99: float | None


class ServingCell(Cell):
    """Answers a second at the highest load that was borne, for almost all within the
    limit."""

    benchmark: Literal["serving"] = "serving"
    limit_ms: float
    our_points: list[LoadPoint]
    """The loads in rising order; the higher ones were spared a server that drowned."""

    their_points: list[LoadPoint]
    their_saturation: float | None
    """The lowest load that CTranslate2's server did not bear and both had, in calls a
    second."""

    ratio_at_saturation: float | None
    """Goodput there, ours over theirs."""

    equal_load: float | None
    """The highest load that both bore."""

    our_p50: float | None
    """Milliseconds at that load."""

    our_p99: float | None
    their_p50: float | None
    their_p99: float | None
    our_memory: Memory
    their_memory: Memory
    our_settings: OursSettings
    their_settings: CTranslate2ServerSettings


class OverheadCell(Cell):
    """The share of a request's time in which no session runs; there is no other side.

    What it consists of is in shares of the time that the server was busy. The event
    loop works beside the engine's thread, so its share is not part of that sum."""

    benchmark: Literal["overhead"] = "overhead"
    callers: int
    texts_per_call: int
    calls: int
    mean_ms: float
    """What a call took, as its caller sees it."""

    decoder: float
    encoder: float
    choosing: float
    """The search: which tokens, which rows."""

    rows: float
    """Caches, and what is bound to sessions."""

    scheduling: float
    runner: float
    """Of the runner, what is none of the above."""

    tokenising: float
    event_loop: float
    """CPU time of the thread that does gRPC, tokenising included."""

    our_settings: OursSettings


class TrainingCell(Cell):
    """Real target tokens learnt from in a second, by trainers with the same weights,
    batches, optimiser and learning rates."""

    benchmark: Literal["training"] = "training"
    search: str = "none"
    dropout: float
    updates: int
    """Made by each, those included that were not timed."""

    tokens: int
    """In all updates that were timed."""

    our_loss: float
    """Nats a token, mean over the updates of the last round, with smoothed labels;
    without dropout both should have the same."""

    their_loss: float
    our_rounds: list[float]
    """Tokens a second."""

    their_rounds: list[float]
    our_cores: float
    their_cores: float
    our_memory: Memory
    their_memory: Memory
    our_settings: OursTrainerSettings
    their_settings: TheirTrainerSettings


AnyCell = Annotated[
    OfflineCell
    | LatencyCell
    | ServingCell
    | OverheadCell
    | FloorCell
    | ScalingCell
    | FootprintCell
    | TrainingCell,
    Field(discriminator="benchmark"),
]


class Figures(Record):
    """A file of results."""

    machine: str
    text: str
    """Which sentences: a file's name, or that they are generated."""

    day: date | None = None
    """When it was measured; files of old do not say."""

    software: str = ""
    """Versions of what was measured."""

    cells: list[AnyCell]

    def write(self, path: Path) -> None:
        with output_file(path) as file:
            file.write(f"{self.model_dump_json(indent=2)}\n".encode())

    @classmethod
    def read(cls, path: Path) -> "Figures":
        """Raises ConfigError for what is no such file."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as cause:
            raise ConfigError(f"{path} holds no figures of a benchmark") from cause


def search_name(beam_size: int) -> str:
    return "greedy" if beam_size == 1 else f"beam {beam_size}"


def share_alike(ours: Sequence[list[int]], theirs: Sequence[list[int]]) -> float:
    """Of all tokens of the longer ones."""
    pairs = list(zip(ours, theirs, strict=True))
    same = sum(a == b for pair in pairs for a, b in zip(*pair, strict=False))
    return same / max(1, sum(len(max(pair, key=len)) for pair in pairs))


def num_equal(ours: Sequence[list[int]], theirs: Sequence[list[int]]) -> int:
    return sum(a == b for a, b in zip(ours, theirs, strict=True))
