"""What a row says of each kind of cell, by heading, and how numbers are written."""

from collections.abc import Callable

from .analysis_cells import FloorCell, FootprintCell, ScalingCell
from .figures import (
    AnyCell,
    LatencyCell,
    OfflineCell,
    OverheadCell,
    ServingCell,
    TrainingCell,
)


def columns(cell: AnyCell) -> list[tuple[str, str]]:
    """Headings and entries, in order."""
    return [*_circumstances(cell), *_figures(cell)]


def _circumstances(cell: AnyCell) -> list[tuple[str, str]]:
    named = [("model", cell.model), ("precision", cell.precision)]
    if isinstance(cell, TrainingCell):
        return [*named, ("dropout", f"{cell.dropout:g}")]
    return [*named, ("search", cell.search)]


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
        case FloorCell():
            return [
                ("rows", count(cell.batch)),
                ("MB", f"{cell.bytes / 1e6:.1f}"),
                ("Mflop", f"{cell.flops / 1e6:,.1f}"),
                ("GB/s", f"{cell.bytes / cell.memory_ms / 1e6:.1f}"),
                ("Gflop/s", f"{cell.flops / cell.compute_ms / 1e6:.1f}"),
                ("ms to read", microseconds(cell.memory_ms)),
                ("ms to multiply", microseconds(cell.compute_ms)),
                ("measured ms", microseconds(cell.measured_ms)),
                ("near", percent(cell.near)),
            ]
        case ScalingCell():
            return [
                ("varied", cell.varied),
                ("value", str(cell.value)),
                ("batch", count(cell.batch)),
                ("ours", count(cell.ours)),
                (cell.peer, count(cell.theirs)),
                ("ratio", ratio(cell.ratio)),
                ("our ms a token", microseconds(cell.our_ms)),
                ("their ms a token", microseconds(cell.their_ms)),
            ]
        case FootprintCell():
            return [
                ("our MB at first", megabytes(cell.our_memory_at_start.resident)),
                ("their MB at first", megabytes(cell.their_memory_at_start.resident)),
                ("our MB", megabytes(cell.our_memory.resident)),
                ("their MB", megabytes(cell.their_memory.resident)),
                ("ratio", ratio(cell.ratio)),
                ("our start s", milliseconds(cell.our_startup_s)),
                ("their start s", milliseconds(cell.their_startup_s)),
            ]
        case TrainingCell():
            return [
                ("ours", count(cell.ours)),
                (cell.peer, count(cell.theirs)),
                ("ratio", ratio(cell.ratio)),
                ("our loss", f"{cell.our_loss:.3f}"),
                ("their loss", f"{cell.their_loss:.3f}"),
                ("updates", str(cell.updates)),
                ("tokens", count(cell.tokens)),
                ("our cores", f"{cell.our_cores:.2f}"),
                ("their cores", f"{cell.their_cores:.2f}"),
                ("our MB", megabytes(cell.our_memory.resident)),
                ("their MB", megabytes(cell.their_memory.resident)),
            ]


def _or_dash(form: Callable[[float], str]) -> Callable[[float | None], str]:
    return lambda value: "–" if value is None else form(value)


count = _or_dash("{:,.0f}".format)
ratio = _or_dash("{:.2f}".format)
milliseconds = _or_dash("{:.2f}".format)
microseconds = _or_dash("{:.3f}".format)
"""Milliseconds of something short, as far as microseconds."""
percent = _or_dash("{:.1%}".format)
megabytes = _or_dash(lambda size: f"{size / 1e6:.0f}")
