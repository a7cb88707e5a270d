"""What all benchmarks are told: models, text, how long to measure, where to say so."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from rich.console import Console

from .figures import search_name
from .machine import machine
from .settings import OursSettings, Record
from .timing_models import (
    RANDOM_MODELS,
    Precision,
    TimingModel,
    random_model,
    trained_model,
)
from .workload import readable


class SweepWhen(StrEnum):
    """Whether to look for a peer's best settings."""

    missing = "missing"
    anew = "anew"
    never = "never"


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
        """What `find` finds, or found for that name here the last time; `first`
        where nothing is to be looked for."""
        if self.sweep is SweepWhen.never:
            return first
        key = f"{name}, {machine()}"
        mark = hashlib.sha256(key.encode()).hexdigest()[:16]
        path = self.cache / "settings" / f"{mark}.json"
        if path.exists() and self.sweep is SweepWhen.missing:
            with suppress(ValidationError):  # of another version of ours
                return type(first).model_validate_json(path.read_bytes())
        found = find()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found.model_dump_json(indent=2))
        self.notice(f"{name}: found the best settings")
        return found

    def notice(self, what: str) -> None:
        self.console.print(what, style="dim", markup=False)
