"""Waits by load: measured, simulated and calculated, a panel for each search."""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from onnxlate.errors import ConfigError

from ..figures import search_name
from .figures import CapacityFigures, LoadFigure, SearchFigures

COLOURS = {1: "#1864a8", 2: "#e8a33d"}
"""By replicas; told apart in grey, too."""

SALT = "capacity"
"""Names in SVG files come of it, so that equal pictures are equal files."""


def draw(figures: CapacityFigures, path: Path) -> None:
    """Raises ConfigError if the file cannot be written."""
    panels = len(figures.searches)
    figure = Figure(figsize=(max(7.0, 4.6 * panels), 4.6), layout="constrained")
    grid = figure.subplots(1, panels, squeeze=False)
    for axes, search in zip(grid.flat, figures.searches, strict=True):
        _panel(axes, search)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=len(COLOURS),
        frameon=False,
        fontsize=8,
    )
    grid.flat[0].set_ylabel("ms from when a call was due to its answer")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        nothing = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        with rc_context({"svg.hashsalt": SALT, "svg.fonttype": "path"}):
            figure.savefig(path, dpi=110, metadata=nothing)
    except (OSError, ValueError) as cause:
        raise ConfigError(f"{path} cannot be written: {cause}") from cause


def _panel(axes: Axes, search: SearchFigures) -> None:
    for replicas, colour in COLOURS.items():
        loads = [each for each in search.loads if each.replicas == replicas]
        _lines(axes, loads, colour)
    axes.axhline(search.limit_ms, color="grey", linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.set_xlabel("calls a second")
    axes.set_title(
        f"{search_name(search.beam_size)}; dotted: {search.limit_ms:.0f} ms",
        size=10,
        loc="left",
    )
    axes.spines[["top", "right"]].set_visible(False)


def _lines(axes: Axes, loads: list[LoadFigure], colour: str) -> None:
    name = f"{loads[0].replicas} replica{'s' if loads[0].replicas > 1 else ''}"
    rates = [each.rate for each in loads]
    axes.plot(
        rates,
        [each.simulated.p99 for each in loads],
        color=colour,
        linestyle="--",
        label=f"{name}, p99 simulated",
    )
    axes.plot(
        rates,
        [each.simulated.mean for each in loads],
        color=colour,
        label=f"{name}, mean simulated",
    )
    known = [
        (each.rate, each.model_mean) for each in loads if each.model_mean is not None
    ]
    axes.scatter(
        [rate for rate, _ in known],
        [mean for _, mean in known],
        marker="_",
        s=80,
        color=colour,
        label=f"{name}, mean by the model",
    )
    measured = [(each.rate, each.measured) for each in loads if each.measured]
    for marker, what in (("o", "mean"), ("^", "p99")):
        axes.scatter(
            [rate for rate, _ in measured],
            [getattr(waits, what) for _, waits in measured],
            marker=marker,
            s=22,
            facecolors="none" if what == "p99" else colour,
            edgecolors=colour,
            label=f"{name}, {what} measured",
        )
