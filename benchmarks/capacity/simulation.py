"""Continuous batching in simulated time: the real scheduler, and costs for a runner.

A replica has one core. A step takes what `Costs` say of those in it; a call that comes
meanwhile takes its share of the core first, and joins at the next step.
"""

from collections.abc import Sequence

from onnxlate.errors import Overloaded
from onnxlate.sentence import SearchOptions
from onnxlate_serving.config import SchedulerConfig
from onnxlate_serving.request import Request
from onnxlate_serving.scheduler import Scheduler

from .costs import Costs, Sentence

Wait = float | None
"""Seconds from arrival to answer; None for a call that was refused."""


def simulate(
    costs: Costs,
    sentences: Sequence[Sentence],
    arrivals: Sequence[float],
    replicas: int,
    config: SchedulerConfig,
) -> list[Wait]:
    """Calls by turns to replicas, which know nothing of each other.

    Call n is sentence n, from the first again when they are used up.
    """
    waits: list[Wait] = [None] * len(arrivals)
    calls = [sentences[at % len(sentences)] for at in range(len(arrivals))]
    for replica in range(replicas):
        theirs = slice(replica, None, replicas)
        waits[theirs] = Replica(costs, config).waits(arrivals[theirs], calls[theirs])
    return waits


class Replica:
    """One server's engine, and its clock."""

    def __init__(self, costs: Costs, config: SchedulerConfig) -> None:
        self._costs = costs
        self._scheduler = Scheduler(config)
        self._number: dict[Request, int] = {}
        self._steps_left: dict[Request, int] = {}
        self._owed = 0.0
        """Seconds of the core that calls have taken, and steps have not waited for."""

    def waits(self, arrivals: Sequence[float], calls: Sequence[Sentence]) -> list[Wait]:
        waits: list[Wait] = [None] * len(arrivals)
        clock, at = 0.0, 0
        while at < len(arrivals) or self._number:
            if not self._number:
                clock = max(clock, arrivals[at])
            while at < len(arrivals) and arrivals[at] <= clock:
                self._take(at, calls[at])
                at += 1
            clock, finished = self._step(clock)
            for number in finished:
                waits[number] = clock - arrivals[number]
        return waits

    def _take(self, number: int, call: Sentence) -> None:
        self._owed += self._costs.call
        options = SearchOptions(call.steps, self._costs.beam_size)
        request = Request((0,) * call.source_tokens, options)
        try:
            self._scheduler.add([request])
        except Overloaded:
            return
        self._number[request] = number
        self._steps_left[request] = call.steps

    def _step(self, clock: float) -> tuple[float, list[int]]:
        """The time after a step, and who finished with it."""
        step = self._scheduler.schedule()
        joining = [len(each.source_ids) for each in step.encode]
        if step:
            clock += self._costs.seconds(len(step.decode), joining)
        clock += self._owed
        self._owed = 0.0
        finished = []
        for request in step.decode:
            self._steps_left[request] -= 1
            if not self._steps_left[request]:
                finished.append(self._number.pop(request))
                del self._steps_left[request]
                self._scheduler.finish(request)
        return clock, finished
