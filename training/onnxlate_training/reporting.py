"""What a user sees of a run: a progress bar, lines that stay, a history, curves."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as ProgressBar,
)
from torch.utils.tensorboard import SummaryWriter

from .checkpoint import Progress, RunFolder
from .recipe import Recipe
from .storage import translated, write_atomically
from .workers import Worker


class Reporter(Protocol):
    def say(self, line: str) -> None:
        """A line that stays."""

    def log(self, update: int, kind: str, values: Mapping[str, float]) -> None:
        """Figures of the training ("train") or of a validation ("valid")."""

    def advance(self, update: int, loss: float, tokens_per_second: float) -> None:
        """Once an update; must cost nothing."""


class Silent:
    """For every process but the first."""

    def say(self, line: str) -> None: ...

    def log(self, update: int, kind: str, values: Mapping[str, float]) -> None: ...

    def advance(self, update: int, loss: float, tokens_per_second: float) -> None: ...


@contextlib.contextmanager
def reporting(run: RunFolder, recipe: Recipe, worker: Worker) -> Iterator[Reporter]:
    """The reporter for this process; raises TrainingError if the disk is full."""
    if not worker.leads:
        yield Silent()
        return
    progress = run.progress()
    _forget_after(run, progress)
    with (
        translated(run.path),
        # Flushed line by line, so that a killed run loses none.
        run.history.open("a", encoding="utf-8", buffering=1) as history,
        SummaryWriter(
            str(run.path / "tensorboard"), purge_step=progress.update + 1
        ) as curves,
        _bar(progress.update, recipe.train.max_updates) as bar,
    ):
        yield Terminal(history, curves, bar)


class Terminal:
    """Progress bar on a terminal, plain lines elsewhere; history and tensorboard."""

    def __init__(
        self, history: TextIO, curves: SummaryWriter, bar: ProgressBar
    ) -> None:
        self._history = history
        self._curves = curves
        self._bar = bar
        self._console = bar.console

    def say(self, line: str) -> None:
        self._console.print(line, markup=False)

    def log(self, update: int, kind: str, values: Mapping[str, float]) -> None:
        record = {"time": round(time.time(), 1), "update": update, "kind": kind}
        self._history.write(json.dumps({**record, **values}) + "\n")
        for name, value in values.items():
            self._curves.add_scalar(f"{kind}/{name}", value, update)
        # On a terminal the bar says what the training lines would.
        if kind == "valid" or not self._console.is_terminal:
            figures = (f"{name} {_legible(value)}" for name, value in values.items())
            self.say(f"{kind} {update:>6}  {'  '.join(figures)}")

    def advance(self, update: int, loss: float, tokens_per_second: float) -> None:
        self._bar.update(
            self._bar.task_ids[0], completed=update, loss=loss, speed=tokens_per_second
        )


def _legible(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _bar(start: int, max_updates: int) -> ProgressBar:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    bar = ProgressBar(
        TextColumn("[bold]update"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TextColumn("{task.fields[speed]:,.0f} tokens/s"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    bar.add_task(
        "train", total=max_updates, completed=start, loss=float("nan"), speed=0.0
    )
    return bar


def _forget_after(run: RunFolder, progress: Progress) -> None:
    """Drops lines about what a resumed run will do again."""
    if not run.history.is_file():
        return
    kept = [json.dumps(each) for each in run.records() if _stays(each, progress)]
    write_atomically(run.history, "".join(f"{line}\n" for line in kept).encode())


def _stays(record: Mapping[str, object], progress: Progress) -> bool:
    if record["kind"] == "valid":
        return record["update"] in progress.scores
    update = record["update"]
    return isinstance(update, int) and update <= progress.update
