"""One way to search: its costs, its loads beside model and simulation, its plan."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

from ..cores import on_cores
from .calls import call_costs
from .costs import EngineParts, measure_costs
from .figures import SearchFigures
from .loads import Loads
from .plan import RATES, best_rate, plan_row
from .queue_model import QueueModel
from .replicas import Callers, replicas

REPLICAS = (1, 2)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is tried, and for how long."""

    bundle: Path
    texts: Sequence[str]
    seconds: float
    rounds: int
    limit_ms: float


def tried(setting: Setting, beam_size: int) -> SearchFigures:
    parts = EngineParts(setting.bundle, beam_size)
    costs, sentences = measure_costs(parts, setting.texts, setting.seconds / 4)
    words = fmean(len(each.split()) for each in setting.texts)
    cores = sorted(os.sched_getaffinity(0))
    with replicas(setting.bundle, cores[:1]) as [target], on_cores(cores[1:]):
        callers = Callers([target], setting.texts, beam_size)
        calls = call_costs(target, callers, costs, sentences, words, setting.seconds)
        resident_mb = target.resident_mb
    # Beside the event loop, caches are colder and the interpreter's lock is shared.
    dearer = median(each.engine_ms / each.expected_ms for each in calls)
    call = median(each.cpu_ms - each.engine_ms for each in calls) / 1000
    costs = costs.times(dearer).model_copy(update={"call": call})
    model = QueueModel.of(costs, sentences)
    best = best_rate(costs, sentences, setting.limit_ms)
    loads = Loads(
        bundle=setting.bundle,
        texts=setting.texts,
        sentences=sentences,
        costs=costs,
        callers_s=median(each.callers_ms for each in calls) / 1000,
        limit_ms=setting.limit_ms,
        seconds=setting.seconds,
        rounds=setting.rounds,
        cores=cores,
    )
    bytes_a_call = callers.bytes_moved / callers.calls
    return SearchFigures(
        beam_size=beam_size,
        limit_ms=setting.limit_ms,
        words=words,
        steps=model.steps,
        costs=costs,
        dearer=dearer,
        capacity=model.capacity,
        best_rate=best,
        resident_mb=resident_mb,
        bytes_a_call=bytes_a_call,
        calls=calls,
        loads=[each for count in REPLICAS for each in loads.on(count)],
        plan=[plan_row(rate, best, resident_mb, bytes_a_call) for rate in RATES],
    )
