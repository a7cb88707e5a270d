"""What is measured, simulated and calculated, as it is written down."""

from collections.abc import Sequence
from statistics import fmean

from ..settings import Record
from ..stats import percentile
from .costs import Costs
from .simulation import Wait


class Waits(Record):
    """Of the calls of one load, in milliseconds; of the answered ones."""

    mean: float
    p50: float
    p99: float
    within: float
    """Share of all that were answered within the limit."""

    @classmethod
    def of(cls, waits: Sequence[Wait], limit_ms: float) -> "Waits":
        answered = [1000 * each for each in waits if each is not None] or [float("inf")]
        return cls(
            mean=fmean(answered),
            p50=percentile(answered, 50),
            p99=percentile(answered, 99),
            within=sum(each <= limit_ms for each in answered) / len(waits),
        )

    @classmethod
    def typical(cls, tries: Sequence["Waits"]) -> "Waits":
        """The one in the middle, by the mean."""
        return sorted(tries, key=lambda each: each.mean)[len(tries) // 2]


class CallCost(Record):
    """CPU of a replica for a call, with so many callers who wait for answers."""

    callers: int
    calls_a_second: float
    cpu_ms: float
    engine_ms: float
    """Of it, in the thread that decodes."""

    expected_ms: float
    """What that would be, if the steps that were made cost what they do by
    themselves."""

    word_us: float
    """CPU for each word of the source."""

    sentences_a_step: float
    callers_ms: float
    """What a call took from the caller's CPU."""

    cores: float
    """CPU seconds a second of the replica."""


class LoadFigure(Record):
    """A load on some replicas, measured, simulated and calculated."""

    replicas: int
    share: float
    """Of what they can bear at most."""

    rate: float
    measured: Waits | None
    """None where there are not so many cores here."""

    simulated: Waits
    model_mean: float | None
    others_cores: float | None
    """CPU seconds a second that went to nobody of ours while it was measured."""


class PlanRow(Record):
    """What a load takes."""

    rate: float
    replicas: int
    spare: int
    """Of them, for one that is restarted, dead or not there yet."""

    cores: float
    memory_gb: float
    megabits: float
    """A second, both ways together."""


class SearchFigures(Record):
    """Of one way to search."""

    beam_size: int
    limit_ms: float
    words: float
    """Of a source, on average."""

    steps: float
    costs: Costs
    """In a server."""

    dearer: float
    """Times what the engine's steps cost by themselves."""

    capacity: float
    """Calls a second that a replica cannot exceed, by the model."""

    best_rate: float
    """At which 99 % of the calls are within the limit, by the simulation."""

    resident_mb: float
    """Of a replica, after many calls."""

    bytes_a_call: float
    """Both ways together, without what TCP adds."""

    calls: list[CallCost]
    loads: list[LoadFigure]
    plan: list[PlanRow]


class CapacityFigures(Record):
    benchmark: str = "capacity"
    machine: str
    text: str
    model: str
    searches: list[SearchFigures]
