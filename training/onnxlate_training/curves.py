"""`onnxlate curves`: what runs went through, side by side, as a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from onnxlate.errors import ConfigError
from onnxlate.evaluation.plots import drawing
from onnxlate.evaluation.test_set import printable

from .checkpoint import RunFolder
from .drawing import saved

PANELS = (
    ("loss", "nats a token"),
    ("learning_rate", "learning rate"),
    ("bleu", "BLEU of the validation text"),
    ("chrf", "chrF of the validation text"),
)

# Okabe and Ito's colours, told apart by colour-blind eyes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")

SUFFIXES = (".png", ".svg")


@dataclass(frozen=True)
class History:
    """A run's lines, as `history.jsonl` has them."""

    name: str
    lines: Sequence[Mapping[str, object]]

    def series(self, kind: str, key: str) -> tuple[list[float], list[float]]:
        """Updates, and the values at them."""
        points = [
            (float(str(line["update"])), float(str(line[key])))
            for line in self.lines
            if line["kind"] == kind and key in line
        ]
        return [x for x, _ in points], [y for _, y in points]


def curves(
    runs: Annotated[list[Path], typer.Argument(help="Training runs, finished or not.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The picture, .png or .svg.")
    ] = Path("curves.png"),
) -> None:
    """Draw losses, scores and learning rates of training runs over their updates."""
    typer.echo(draw_curves([read_history(run) for run in runs], output))


def read_history(run: Path) -> History:
    """Raises ConfigError for what is no run, or one that has not begun."""
    folder = RunFolder(run)
    folder.read_recipe()
    records = folder.records()
    if not records:
        raise ConfigError(f"{run} has no line of history yet (train.log_every)")
    # A run is called like its folder; `.` has a name only when resolved.
    return History(printable(run.resolve().name), records)


def draw_curves(histories: Sequence[History], path: Path) -> Path:
    """Raises ConfigError if the file cannot be written."""
    if path.suffix not in SUFFIXES:
        raise ConfigError(
            f"{path} is no {' or '.join(SUFFIXES)} file; name one with --output"
        )
    with drawing():
        return saved(_figure(histories), path)


def _figure(histories: Sequence[History]) -> Figure:
    figure = Figure(figsize=(10, 6.4), layout="constrained")
    for axes, (key, label) in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
        for index, history in enumerate(histories):
            _draw(axes, history, key, COLOURS[index % len(COLOURS)])
        axes.set(xlabel="update", ylabel=label)
        axes.grid(color="#e4e6ea")
        axes.spines[["top", "right"]].set_visible(False)
        if axes.has_data():
            # Of itself it leaves out what is called like _this.
            labels = [str(line.get_label()) for line in axes.lines]
            axes.legend(axes.lines, labels, frameon=False)
    return figure


def _draw(axes: Axes, history: History, key: str, colour: str) -> None:
    """Training faint and thin, validations with a mark each."""
    updates, values = history.series("train", key)
    validations, scores = history.series("valid", key)
    if updates:
        faint = 0.45 if validations else 1.0
        label = f"{history.name}, training" if validations else history.name
        axes.plot(updates, values, color=colour, linewidth=1, alpha=faint, label=label)
    if validations:
        axes.plot(
            validations, scores, color=colour, marker="o", markersize=3.5,
            label=f"{history.name}, validation" if updates else history.name,
        )  # fmt: skip
