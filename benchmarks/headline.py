"""The few figures that a README shows, and the settings that they were made with."""

from collections.abc import Sequence

from .columns import count, milliseconds, ratio
from .figures import AnyCell, LatencyCell, OfflineCell, ServingCell
from .settings import CTranslate2Settings
from .stats import geometric_mean
from .tables import CTRANSLATE2, Rows

UNITS = {"offline": "tokens/s", "latency": "ms", "serving": "calls/s in time"}

Compared = OfflineCell | LatencyCell | ServingCell
"""What has another side."""


def compared(cells: Sequence[AnyCell]) -> list[Compared]:
    """Beside CTranslate2, by benchmark."""
    chosen = [
        each
        for each in cells
        if isinstance(each, Compared) and each.peer == CTRANSLATE2
    ]
    return sorted(chosen, key=lambda each: list(UNITS).index(each.benchmark))


def offline_mean(cells: Sequence[AnyCell]) -> float | None:
    """The geometric mean of the ratios of a whole text."""
    ratios = [
        each.ratio
        for each in compared(cells)
        if isinstance(each, OfflineCell) and each.ratio
    ]
    return geometric_mean(ratios) if ratios else None


def headline(cells: Sequence[AnyCell]) -> Rows:
    """A row for each model and precision, a column for each benchmark and search."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for cell in compared(cells):
        row = rows.setdefault((cell.model, cell.precision), {})
        row[_heading(cell)] = _figure(cell)
    headings = list(dict.fromkeys(name for row in rows.values() for name in row))
    return Rows(
        title="",
        headings=["model", "precision", *headings],
        rows=[
            [*key, *(row.get(name, "–") for name in headings)]
            for key, row in rows.items()
        ],
        foot=_foot(cells),
    )


def settings_table(cells: Sequence[AnyCell]) -> Rows:
    """How CTranslate2 was set up where it was asked directly."""
    return Rows(
        title="",
        headings=[
            *("model", "precision", "search", "benchmark"),
            *("type", "threads", "batches", "MKL", "call"),
        ],
        rows=[
            [*_circumstances(each), *_settings(each.their_settings)]
            for each in compared(cells)
            if not isinstance(each, ServingCell)
            and isinstance(each.their_settings, CTranslate2Settings)
        ],
        foot="",
    )


def _heading(cell: Compared) -> str:
    return f"{cell.benchmark}, {cell.search}, {UNITS[cell.benchmark]}"


def _figure(cell: Compared) -> str:
    form = milliseconds if isinstance(cell, LatencyCell) else count
    return f"{form(cell.ours)} ({ratio(cell.ratio)}×)"


def _foot(cells: Sequence[AnyCell]) -> str:
    mean = offline_mean(cells)
    foot = "In brackets: how many times better than CTranslate2"
    if mean is None:
        return f"{foot}."
    return f"{foot}; the geometric mean offline is {mean:.2f}×."


def _circumstances(cell: Compared) -> list[str]:
    return [cell.model, cell.precision, cell.search, cell.benchmark]


def _settings(settings: CTranslate2Settings) -> list[str]:
    mkl = {None: "its choice", True: "yes", False: "no"}[settings.use_mkl]
    return [
        settings.compute_type,
        f"{settings.inter_threads} × {settings.intra_threads}",
        f"{settings.max_batch_size} {settings.batch_type}",
        f"{mkl}, packed" if settings.packed_gemm else mkl,
        settings.call,
    ]
