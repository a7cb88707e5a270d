"""Cells as rows of a table, for a terminal and for a page alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.table import Table

from .columns import columns
from .figures import AnyCell
from .stats import geometric_mean

TITLES = {
    "offline": "Offline: tokens a second over a whole text",
    "serving": "Serving: calls a second answered in time, at the highest load borne",
    "overhead": "Overhead: shares of the time, and how long a call takes",
    "latency": "Latency: milliseconds for one sentence alone",
    "floor": "Floor: one step of the decoder, and what one core could do at best",
    "scaling": "Scaling: tokens a second of one batch, in one thread",
    "footprint": "Footprint: memory and start-up of a process",
    "training": "Training: target tokens a second",
}

CTRANSLATE2 = "ctranslate2"


@dataclass(frozen=True, slots=True)
class Rows:
    """A table without a form."""

    title: str
    headings: list[str]
    rows: list[list[str]]
    foot: str
    """A line below it; "" for none."""


def tables(cells: Sequence[AnyCell]) -> list[Rows]:
    """One for each benchmark, and one more for each further peer."""
    ordered = sorted(cells, key=_place)
    return [_rows(*key, list(group)) for key, group in groupby(ordered, key=_kind)]


def _kind(cell: AnyCell) -> tuple[str, str]:
    return cell.benchmark, cell.peer


def _place(cell: AnyCell) -> tuple[int, bool, str]:
    return list(TITLES).index(cell.benchmark), cell.peer != CTRANSLATE2, cell.peer


def rich_table(rows: Rows) -> Table:
    table = Table(title=rows.title, title_justify="left", caption=rows.foot or None)
    for heading in rows.headings:
        table.add_column(heading, justify="left" if heading in LEFT else "right")
    for row in rows.rows:
        table.add_row(*row)
    return table


def markdown_table(rows: Rows) -> str:
    """As a page has it, without the title."""
    dashes = ["---" if each in LEFT else "--:" for each in rows.headings]
    lines = [rows.headings, dashes, *rows.rows]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{text}\n\n{rows.foot}" if rows.foot else text


LEFT = (
    *("model", "precision", "search", "varied"),
    *("measured on", "benchmark", "benchmarks", "models", "text"),
    *("type", "MKL", "call"),
)
"""Columns of words."""


def _rows(benchmark: str, peer: str, cells: list[AnyCell]) -> Rows:
    """Equal headings make one table; a cell knows which it has."""
    named = [dict(columns(each)) for each in cells]
    headings = list(dict.fromkeys(heading for row in named for heading in row))
    return Rows(
        title=TITLES[benchmark] + (f", beside {peer}" if peer != CTRANSLATE2 else ""),
        headings=headings,
        rows=[[row.get(heading, "") for heading in headings] for row in named],
        foot=_foot(cells),
    )


def _foot(cells: Sequence[AnyCell]) -> str:
    ratios = [each.ratio for each in cells if each.ratio]
    if len(ratios) < 2:
        return ""
    mean, worst = geometric_mean(ratios), min(ratios)
    return f"ratio: geometric mean {mean:.2f}, least {worst:.2f}"
