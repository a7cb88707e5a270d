"""The plots of the page, as SVG, each for light and for dark surroundings."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .report import Report, TestSetReport

# Okabe and Ito's colours, told apart by colour-blind eyes, lightened for the dark;
# shapes tell the systems apart without any colour.
MARKERS = "osD^vPX*"
ROW, PANEL = 0.3, 3.4
"""Inches: the height of a system, the width of a metric."""


@dataclass(frozen=True, slots=True)
class Theme:
    ink: str
    faint: str
    systems: tuple[str, ...]


LIGHT = Theme(
    ink="#1c1e21",
    faint="#d5d8dd",
    systems=("#1864a8", "#c2571a", "#00795c", "#9c4a86", "#7a6a00", "#5b6470"),
)
DARK = Theme(
    ink="#e4e6ea",
    faint="#454b54",
    systems=("#6cb2f0", "#f09a5b", "#3fc79c", "#dd96c8", "#d9c24a", "#a9b2bf"),
)


@dataclass(frozen=True, slots=True)
class Plot:
    """The same picture twice."""

    light: bytes
    dark: bytes


def plot_scores(report: Report) -> Plot:
    """Every system's scores with their 95 % intervals, a panel for each metric."""
    return _twice(lambda theme: _scores(report, theme))


def plot_lengths(report: TestSetReport) -> Plot:
    """Scores by the length of the source, a panel for each metric."""
    return _twice(lambda theme: _lengths(report, theme))


def _scores(report: Report, theme: Theme) -> Figure:
    rows = [
        (test_set, index, output.system)
        for test_set in report.test_sets
        for index, output in enumerate(test_set.outputs)
    ]
    figure, panels = _panels(len(report.metrics), 0.9 + ROW * len(rows))
    for axes, name in zip(panels, report.metrics, strict=True):
        for y, (test_set, index, system) in enumerate(rows):
            estimate = test_set.estimates[name].systems[system]
            axes.errorbar(
                estimate.score,
                y,
                xerr=estimate.ci95,
                color=theme.systems[index % len(theme.systems)],
                marker=MARKERS[index % len(MARKERS)],
                capsize=3,
            )
        for y in range(1, len(rows)):
            if rows[y][1] == 0:  # between two test sets
                axes.axhline(y - 0.5, color=theme.faint, linewidth=1)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_title(name.label, loc="left", size=10, color=theme.ink)
        _finish(axes, theme, "x")
    several = len(report.test_sets) > 1
    labels = [
        f"{test_set.test_set.name}  {system}" if several else system
        for test_set, _, system in rows
    ]
    panels[0].set_yticks(range(len(rows)), labels)
    return figure


def _lengths(report: TestSetReport, theme: Theme) -> Figure:
    filled = [each for each in report.by_length if each.num_sentences]
    places = range(len(filled))
    figure, panels = _panels(len(report.estimates), 2.7, sharey=False)
    for axes, name in zip(panels, report.estimates, strict=True):
        for index, output in enumerate(report.outputs):
            axes.plot(
                places,
                [each.scores[name][output.system] for each in filled],
                color=theme.systems[index % len(theme.systems)],
                marker=MARKERS[index % len(MARKERS)],
                label=output.system,
                linewidth=1.5,
            )
        axes.set_xticks(places, [str(each.bucket) for each in filled])
        axes.margins(x=0.08, y=0.15)
        axes.set_title(name.label, loc="left", size=10, color=theme.ink)
        axes.set_xlabel("words in the source", color=theme.ink)
        _finish(axes, theme, "y")
    if len(report.outputs) > 1:
        # Of itself it leaves out what is called like _this.
        figure.legend(
            panels[0].lines,
            [output.system for output in report.outputs],
            loc="outside upper left",
            ncols=4,
            frameon=False,
            labelcolor=theme.ink,
        )
    return figure


def _panels(
    count: int, height: float, sharey: bool = True
) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(PANEL * max(count, 2), height), layout="constrained")
    grid = figure.subplots(1, count, squeeze=False, sharey=sharey)
    return figure, list(grid.flat)


def _finish(axes: Axes, theme: Theme, values: str) -> None:
    """Colours, and a grid along the axis that has the scores."""
    axes.grid(axis=values, color=theme.faint, linewidth=0.6)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(theme.faint)
    axes.tick_params(colors=theme.ink, labelsize=9)
    (axes.xaxis if values == "x" else axes.yaxis).set_major_locator(
        MaxNLocator(6, steps=[1, 2, 2.5, 5, 10])
    )


def _twice(draw: Callable[[Theme], Figure]) -> Plot:
    with drawing():
        return Plot(light=_svg(draw(LIGHT)), dark=_svg(draw(DARK)))


@contextmanager
def drawing() -> Iterator[None]:
    """No random ids, so that equal plots are equal files, and names are drawn as they
    are: a dollar begins no formula. For making a figure as well as for saving it."""
    with (
        matplotlib.rc_context({"svg.hashsalt": "onnxlate", "text.parse_math": False}),
        warnings.catch_warnings(),
    ):
        # A script that the font does not have is drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


def _svg(figure: Figure) -> bytes:
    file = BytesIO()
    figure.savefig(
        file, format="svg", transparent=True, metadata={"Date": None, "Creator": ""}
    )
    return file.getvalue()
