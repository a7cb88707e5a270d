"""How much of a request's time is not the model's, and where it goes; ours alone."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .figures import OverheadCell, search_name
from .load import Call, Load, closed_loop
from .ours import server_command
from .server_process import ServerProcess
from .serving import load_of
from .stopwatch import Note, Notes
from .suite import Case, Suite
from .watched_server import DECODER, ENCODER

BATCH = 8


@dataclass(frozen=True, slots=True)
class Span:
    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def overhead(suite: Suite) -> Iterator[OverheadCell]:
    for case in suite.cases():
        yield measure(suite, case, callers=BATCH, texts_per_call=1)
        yield measure(suite, case, callers=1, texts_per_call=BATCH)


def measure(
    suite: Suite, case: Case, callers: int, texts_per_call: int
) -> OverheadCell:
    settings = suite.ours_for(case.model, case.precision)
    load = replace(load_of(suite, case), texts_per_call=texts_per_call)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "notes.json"
        command = server_command(settings, ("benchmarks.watched_server", str(path)))
        with ServerProcess(command, {}) as server:
            calls = _steady_calls(server, load, callers, suite.round_seconds)
        notes = Notes.model_validate_json(path.read_bytes())
    span = Span(
        min(call.due for call in calls), max(call.due + call.seconds for call in calls)
    )
    inside = [note for note in notes.notes if span.start <= note.start < span.end]

    engines = {note.thread for note in inside if note.label == DECODER}

    def share(label: str, num_threads: int = len(engines)) -> float:
        own = sum(note.seconds for note in inside if note.label == label)
        return own / span.seconds / num_threads

    covered = [
        _share_covered(calls, [note for note in notes.notes if note.thread == engine])
        for engine in engines
    ]
    return OverheadCell(
        model=case.model.name,
        precision=case.precision,
        search=search_name(case.beam_size),
        batch=BATCH,
        ours=1 - sum(covered) / len(covered),
        theirs=None,
        ratio=None,
        callers=callers,
        texts_per_call=texts_per_call,
        calls=len(calls),
        mean_ms=1000 * sum(call.seconds for call in calls) / len(calls),
        decoder=share(DECODER),
        encoder=share(ENCODER),
        choosing=share("search"),
        rows=share("rows"),
        scheduling=share("scheduling"),
        runner=share("runner"),
        tokenising=share("tokenising", num_threads=1),
        event_loop=_cpu_share(notes.loop_cpu, span),
        our_settings=settings,
    )


def _steady_calls(
    server: ServerProcess, load: Load, callers: int, seconds: float
) -> list[Call]:
    """Calls that together take about so long; the first ones are not among them."""
    count = 4 * callers
    asyncio.run(closed_loop(server.address, load, callers, count))
    _, took = asyncio.run(closed_loop(server.address, load, callers, count))
    more = max(count, round(count * seconds / took))
    calls, _ = asyncio.run(closed_loop(server.address, load, callers, more))
    return calls


def _share_covered(calls: Sequence[Call], notes: Sequence[Note]) -> float:
    """The share of the calls' time in which one engine's sessions ran.

    For them or for others: who waits for a step to end waits for the model.
    """
    runs = sorted(
        (note.start, note.end) for note in notes if note.label in (ENCODER, DECODER)
    )
    edges = np.array(runs).ravel()  # start, end, start, end, …
    busy = np.zeros(len(edges))
    lengths = np.diff(edges)
    lengths[1::2] = 0  # between two runs nothing is added
    busy[1:] = lengths.cumsum()
    starts = np.array([call.due for call in calls])
    seconds = np.array([call.seconds for call in calls])
    covered = np.interp(starts + seconds, edges, busy) - np.interp(starts, edges, busy)
    return float(covered.sum() / seconds.sum())


def _cpu_share(samples: Sequence[tuple[float, float]], span: Span) -> float:
    """CPU seconds a second, from the first sample within the span to the last."""
    inside = [each for each in samples if span.start <= each[0] < span.end]
    if len(inside) < 2:
        return 0.0
    (first, cpu_before), (last, cpu_after) = inside[0], inside[-1]
    return (cpu_after - cpu_before) / (last - first)
