"""`python -m benchmarks report`: the page about speed, from what benchmarks wrote."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from onnxlate.cli.files import output_file
from onnxlate.errors import ConfigError

from .figures import AnyCell, Figures
from .headline import headline, offline_mean, settings_table
from .tables import Rows, markdown_table, tables

TEMPLATE = Path(__file__).with_name("report_template.md")

SECTIONS: dict[str, tuple[str, ...]] = {
    "offline": ("offline",),
    "latency": ("latency",),
    "serving": ("serving",),
    "overhead": ("overhead",),
    "floor": ("floor",),
    "scaling": ("scaling", "footprint"),
    "training": ("training",),
}
"""Whose cells are in which section of the page."""

NOT_MEASURED = "*Not measured for this page.*"

Files = Annotated[
    list[Path], typer.Argument(help="What benchmarks wrote with --json, in any order.")
]
Output = Annotated[Path, typer.Option("--output", "-o", help="The page, Markdown.")]
Picture = Annotated[
    Path | None,
    typer.Option(
        help="The plot of the ratios, PNG.",
        show_default="pictures/benchmarks.png beside the page",
    ),
]


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures, and when they were made."""

    figures: Figures
    day: date

    @classmethod
    def read(cls, path: Path) -> "Measured":
        figures = Figures.read(path)
        return cls(figures, figures.day or date.fromtimestamp(path.stat().st_mtime))


def report(
    files: Files,
    output: Output = Path("docs/benchmarks.md"),
    picture: Picture = None,
) -> None:
    """Writes the page about speed, with a plot, and shows a table for a README."""
    from .ratio_picture import draw_ratios  # matplotlib, which nobody else needs

    measured = [Measured.read(path) for path in files]
    cells = [cell for each in measured for cell in each.figures.cells]
    picture = picture or output.parent / "pictures" / "benchmarks.png"
    drawn = draw_ratios(cells, picture)
    link = os.path.relpath(picture, output.parent) if drawn else None
    with output_file(output) as file:
        file.write(page(measured, link).encode())
    typer.echo(markdown_table(headline(cells)))


def page(measured: Sequence[Measured], picture: str | None) -> str:
    """The whole text; `picture` is where the plot is, as seen from the page.

    Raises ConfigError for figures of several machines.
    """
    cells = [cell for each in measured for cell in each.figures.cells]
    sections = {
        name: _section(cells, benchmarks) for name, benchmarks in SECTIONS.items()
    }
    named = {name: text or NOT_MEASURED for name, text in sections.items()}
    settings = settings_table(cells)
    template = Template(TEMPLATE.read_text(encoding="utf-8"))
    text = template.substitute(
        named,
        machine=_machine(measured),
        software=_software(measured),
        runs=markdown_table(_runs(measured)),
        missing=_missing([name for name, text in sections.items() if not text]),
        picture=f"![Ratios by cell]({picture})" if picture else "",
        mean=_mean(cells),
        settings=markdown_table(settings) if settings.rows else NOT_MEASURED,
    )
    return _without_gaps(text)


def _section(cells: Sequence[AnyCell], benchmarks: Sequence[str]) -> str:
    """Its tables with their captions; "" where there are no cells."""
    theirs = [each for each in cells if each.benchmark in benchmarks]
    return "\n\n".join(
        f"{_caption(each.title)}:\n\n{markdown_table(each)}" for each in tables(theirs)
    )


def _caption(title: str) -> str:
    """Without the name of the benchmark, which the section has for its heading."""
    _, _, caption = title.partition(": ")
    return caption[0].upper() + caption[1:]


def _machine(measured: Sequence[Measured]) -> str:
    machines = sorted({each.figures.machine for each in measured})
    if len(machines) > 1:
        raise ConfigError(
            "figures of several machines do not belong on one page: "
            + " and ".join(machines)
        )
    return machines[0]


def _software(measured: Sequence[Measured]) -> str:
    said = ", ".join(
        each.figures.software for each in measured if each.figures.software
    )
    known = _names(each for each in said.split(", ") if each)
    return f"{', '.join(known)}." if known else ""


def _runs(measured: Sequence[Measured]) -> Rows:
    return Rows(
        title="",
        headings=["measured on", "benchmarks", "models", "text"],
        rows=[
            [
                each.day.isoformat(),
                ", ".join(_names(map(_section_name, each.figures.cells))),
                ", ".join(_names(cell.model for cell in each.figures.cells)),
                each.figures.text,
            ]
            for each in measured
        ],
        foot="",
    )


def _section_name(cell: AnyCell) -> str:
    """Under which command it was measured."""
    return next(name for name, kinds in SECTIONS.items() if cell.benchmark in kinds)


def _names(names: Iterable[str]) -> list[str]:
    """Each once, in the order they came."""
    return list(dict.fromkeys(names))


def _missing(names: Sequence[str]) -> str:
    return f"**Not measured for this page:** {', '.join(names)}." if names else ""


def _mean(cells: Sequence[AnyCell]) -> str:
    mean = offline_mean(cells)
    return (
        "" if mean is None else f"The geometric mean of the ratios is **{mean:.2f}**."
    )


def _without_gaps(text: str) -> str:
    """At most one empty line in a row, where something had nothing to say."""
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text
