"""The ratios of all comparisons, side by side, as a PNG file."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from onnxlate.errors import ConfigError

from .figures import AnyCell
from .headline import Compared, compared

TITLES = {
    "offline": "Offline: tokens a second",
    "latency": "Latency: median for one sentence alone",
    "serving": "Serving: calls a second answered in time",
}

# Told apart in grey, too.
BETTER, WORSE = "#1864a8", "#e8a33d"
DPI = 110
BAR, PANEL = 0.28, 0.85
"""Inches: for each cell, and around each panel."""


def draw_ratios(cells: Sequence[AnyCell], path: Path) -> bool:
    """Whether there was anything to draw.

    Raises ConfigError if the file cannot be written.
    """
    drawn = [each for each in compared(cells) if each.ratio is not None]
    panels = [list(group) for _, group in groupby(drawn, lambda each: each.benchmark)]
    if not panels:
        return False
    heights = [PANEL + BAR * len(panel) for panel in panels]
    figure = Figure(figsize=(8, sum(heights)), layout="constrained")
    grid = figure.subplots(
        len(panels), squeeze=False, sharex=True, height_ratios=heights
    )
    for axes, panel in zip(grid.flat, panels, strict=True):
        _draw(axes, panel)
    grid.flat[-1].set_xlabel("ratio to CTranslate2; above 1 we are better")
    _save(figure, path)
    return True


def _draw(axes: Axes, panel: Sequence[Compared]) -> None:
    names = [f"{each.model} {each.precision} {each.search}" for each in panel]
    ratios = [each.ratio or 0.0 for each in panel]
    colours = [BETTER if ratio >= 1 else WORSE for ratio in ratios]
    bars = axes.barh(range(len(panel)), ratios, color=colours, height=0.7)
    axes.bar_label(bars, [f"{ratio:.2f}" for ratio in ratios], padding=3, size=8)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_yticks(range(len(panel)), names, size=8)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_title(TITLES[panel[0].benchmark], size=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: Figure, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # No version of matplotlib's, so that equal pictures are equal files.
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
    except OSError as cause:
        raise ConfigError(f"{path} cannot be written: {cause.strerror}") from cause
