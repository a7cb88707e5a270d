"""What all benchmarks are told: models, text, how long to measure, where to say so."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from .cores import SHARED, Split
from .figures import search_name
from .remembered import SweepWhen as SweepWhen
from .remembered import remembered
from .settings import OursSettings, Record
from .timing_models import (
    RANDOM_MODELS,
    Precision,
    TimingModel,
    random_model,
    trained_model,
)
from .workload import readable

PEERS = ("ctranslate2", "pytorch", "marian")

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Case:
    """One model in one precision, and how it is to search."""

    model: TimingModel
    precision: Precision
    beam_size: int

    @property
    def name(self) -> str:
        return f"{self.model.name}, {self.precision}, {search_name(self.beam_size)}"


@dataclass(frozen=True)
class Suite:
    texts: list[str]
    text_name: str
    cache: Path
    model_names: tuple[str, ...]
    """Of random models."""

    run: Path | None
    """A trained run, measured beside or instead of them."""

    data: Path | None
    """Where the run's corpus is now, if it moved."""

    precisions: tuple[Precision, ...]
    beam_sizes: tuple[int, ...]
    rounds: int
    round_seconds: float
    ours: OursSettings
    """The model is filled in for each cell."""

    sweep: SweepWhen
    sweep_seconds: float
    limit_ms: float | None
    """What a call may take to count as served; None is a multiple of what one takes
    alone."""

    console: Console
    cores: Split = SHARED
    """For `serving`: those of the servers and those of their callers."""

    peers: tuple[str, ...] = ("ctranslate2",)
    """Whom `offline` and `latency` compare with."""

    def models(self) -> Iterator[TimingModel]:
        """Made when their turn comes."""
        for name in self.model_names:
            yield random_model(
                name,
                RANDOM_MODELS[name],
                self.texts,
                self.cache,
                self.precisions,
                self.notice,
            )
        if self.run:
            yield trained_model(
                self.run, self.data, self.cache, self.precisions, self.notice
            )

    def cases(self) -> Iterator[Case]:
        for model in self.models():
            for precision in self.precisions:
                for beam_size in self.beam_sizes:
                    yield Case(model, precision, beam_size)

    def texts_for(self, model: TimingModel) -> list[str]:
        return readable(model, self.texts)

    def sources(self, model: TimingModel) -> list[list[int]]:
        return [model.tokenizer.encode(text) for text in self.texts_for(model)]

    def ours_for(self, model: TimingModel, precision: Precision) -> OursSettings:
        return self.ours.model_copy(update={"model": model.bundle(precision)})

    def kept(self, name: str, first: R, find: Callable[[], R]) -> R:
        """As `remembered` has it, and it says what was found."""

        def found() -> R:
            best = find()
            self.notice(f"{name}: found the best settings")
            return best

        return remembered(self.cache, self.sweep, name, first, found)

    def notice(self, what: str) -> None:
        self.console.print(what, style="dim", markup=False)
