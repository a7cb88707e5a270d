"""Cells as rows of a table, for a terminal and for a page alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.table import Table

from .figures import AnyCell, LatencyCell, OfflineCell, OverheadCell, ServingCell
from .stats import geometric_mean

TITLES = {
    "offline": "Offline: tokens a second over a whole text",
    "serving": "Serving: calls a second answered in time, at the highest load borne",
    "overhead": "Overhead: shares of the time, and how long a call takes",
    "latency": "Latency: milliseconds for one sentence alone",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """A table without a form."""

    title: str
    headings: list[str]
    rows: list[list[str]]
    foot: str
    """A line below it; "" for none."""


def tables(cells: Sequence[AnyCell]) -> list[Rows]:
    """One for each benchmark, in the order of their first cells."""
    ordered = sorted(cells, key=lambda each: list(TITLES).index(each.benchmark))
    return [
        _rows(name, list(group))
        for name, group in groupby(ordered, key=lambda each: each.benchmark)
    ]


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


LEFT = ("model", "precision", "search")


def _rows(name: str, cells: list[AnyCell]) -> Rows:
    """Equal headings make one table; a cell knows which it has."""
    named = [dict([*_circumstances(each), *_figures(each)]) for each in cells]
    headings = list(dict.fromkeys(heading for row in named for heading in row))
    return Rows(
        title=TITLES[name],
        headings=headings,
        rows=[[row.get(heading, "") for heading in headings] for row in named],
        foot=_foot(cells),
    )


def _circumstances(cell: AnyCell) -> list[tuple[str, str]]:
    return [
        ("model", cell.model),
        ("precision", cell.precision),
        ("search", cell.search),
    ]


def _figures(cell: AnyCell) -> list[tuple[str, str]]:
    match cell:
        case OfflineCell():
            return [
                ("ours", count(cell.ours)),
                (cell.peer, count(cell.theirs)),
                ("ratio", ratio(cell.ratio)),
                ("sentences", str(cell.sentences)),
                ("equal", str(cell.equal)),
                ("our cores", f"{cell.our_cores:.2f}"),
                ("their cores", f"{cell.their_cores:.2f}"),
                ("our MB", megabytes(cell.our_memory.resident)),
                ("their MB", megabytes(cell.their_memory.resident)),
            ]
        case LatencyCell():
            return [
                ("our p50", milliseconds(cell.ours)),
                ("their p50", milliseconds(cell.theirs)),
                ("ratio", ratio(cell.ratio)),
                ("our p99", milliseconds(cell.our_p99)),
                ("their p99", milliseconds(cell.their_p99)),
                ("sentences", str(cell.sentences)),
                ("equal", str(cell.equal)),
            ]
        case ServingCell():
            return [
                ("ours", count(cell.ours)),
                (cell.peer, count(cell.theirs)),
                ("ratio", ratio(cell.ratio)),
                ("limit ms", milliseconds(cell.limit_ms)),
                ("it saturates at", count(cell.their_saturation)),
                ("ratio there", ratio(cell.ratio_at_saturation)),
                ("at equal load of", count(cell.equal_load)),
                ("our p50", milliseconds(cell.our_p50)),
                ("their p50", milliseconds(cell.their_p50)),
                ("our p99", milliseconds(cell.our_p99)),
                ("their p99", milliseconds(cell.their_p99)),
            ]
        case OverheadCell():
            shares = ("decoder", "encoder", "choosing", "rows", "scheduling", "runner")
            return [
                ("callers × texts", f"{cell.callers} × {cell.texts_per_call}"),
                ("no session runs", percent(cell.ours)),
                *((name, percent(getattr(cell, name))) for name in shares),
                ("event loop", percent(cell.event_loop)),
                ("tokenising", percent(cell.tokenising)),
                ("ms a call", milliseconds(cell.mean_ms)),
                ("calls", str(cell.calls)),
            ]


def _foot(cells: Sequence[AnyCell]) -> str:
    ratios = [each.ratio for each in cells if each.ratio]
    if len(ratios) < 2:
        return ""
    mean, worst = geometric_mean(ratios), min(ratios)
    return f"ratio: geometric mean {mean:.2f}, least {worst:.2f}"


def _or_dash(form: Callable[[float], str]) -> Callable[[float | None], str]:
    return lambda value: "–" if value is None else form(value)


count = _or_dash("{:,.0f}".format)
ratio = _or_dash("{:.2f}".format)
milliseconds = _or_dash("{:.2f}".format)
percent = _or_dash("{:.1%}".format)
megabytes = _or_dash(lambda size: f"{size / 1e6:.0f}")
