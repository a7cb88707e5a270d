"""One load after the other on some replicas, measured, simulated and calculated."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..cores import on_cores
from ..cpu_time import of_machine
from ..load import poisson_arrivals
from .calls import QUIET_S
from .costs import Costs, Sentence
from .figures import LoadFigure, Waits
from .queue_model import QueueModel
from .replicas import Callers, Spent, replicas
from .simulation import simulate

SHARES = (0.25, 0.5, 0.7, 0.8, 0.9)
"""Of what the replicas can bear."""

MIN_CALLS = 100


@dataclass(frozen=True, slots=True)
class Loads:
    """What all loads have in common."""

    bundle: Path
    texts: Sequence[str]
    sentences: Sequence[Sentence]
    costs: Costs
    callers_s: float
    """Of the callers' CPU for a call."""

    limit_ms: float
    seconds: float
    rounds: int
    cores: Sequence[int]
    """That there are for replicas, and for callers if any is left."""

    shares: Sequence[float] = SHARES

    def on(self, count: int) -> list[LoadFigure]:
        """On so many replicas, a core each; without a measurement where there are
        fewer cores here."""
        if len(self.cores) < count:
            return [self._figure(count, share, [], None) for share in self.shares]
        taken, left = self.cores[:count], self.cores[count:]
        with replicas(self.bundle, taken) as targets, on_cores(left):
            callers = Callers(targets, self.texts, self.costs.beam_size)
            callers.closed_loop(64 * count, 1.0)
            tries: dict[float, list[Waits]] = {share: [] for share in self.shares}
            others = dict.fromkeys(self.shares, 0.0)
            for number in range(self.rounds):
                for share in self.shares:
                    arrivals = self._arrivals(count, share, number)
                    time.sleep(QUIET_S)
                    before, all_ = Spent.by(targets), of_machine()
                    waits = callers.open_loop(arrivals)
                    spent = Spent.by(targets).since(before)
                    tries[share].append(Waits.of(waits, self.limit_ms))
                    ours = spent.cpu + spent.callers_cpu
                    share_of_others = (of_machine() - all_ - ours) / spent.seconds
                    others[share] += max(0.0, share_of_others) / self.rounds
        return [self._figure(count, s, tries[s], others[s]) for s in self.shares]

    def _figure(
        self, count: int, share: float, tries: Sequence[Waits], others: float | None
    ) -> LoadFigure:
        costs = self._costs_on(count)
        rate = self._rate(count, share)
        simulated = [
            simulate(
                costs,
                self.sentences,
                self._arrivals(count, share, number),
                count,
                costs.scheduler,
            )
            for number in range(self.rounds)
        ]
        mean = QueueModel.of(costs, self.sentences).mean_seconds(rate / count)
        return LoadFigure(
            replicas=count,
            share=share,
            rate=rate,
            measured=Waits.typical(tries) if tries else None,
            simulated=Waits.typical([Waits.of(w, self.limit_ms) for w in simulated]),
            model_mean=None if mean is None else 1000 * mean,
            others_cores=others,
        )

    def _arrivals(self, count: int, share: float, number: int) -> list[float]:
        """The same for servers and simulation."""
        rate = self._rate(count, share)
        calls = max(MIN_CALLS, round(rate * self.seconds))
        return poisson_arrivals(rate, calls, seed=number)

    def _rate(self, count: int, share: float) -> float:
        model = QueueModel.of(self._costs_on(count), self.sentences)
        return share * count * model.capacity

    def _costs_on(self, count: int) -> Costs:
        """With what callers take from a replica's core, where no other is left."""
        if count < len(self.cores):
            return self.costs
        return self.costs.model_copy(update={"call": self.costs.call + self.callers_s})
