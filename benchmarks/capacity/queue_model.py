"""One replica as a queue whose server is the quicker, the more are in it.

Calls come at random, `rate` a second. A step with k sentences on rows takes s(k) of the
core, as it was measured, and j more if somebody joins it. Each call also takes w once
(event loop, its source's tokens), so that a share `rate · w` of the core is gone. A
step then lasts

    D(k) = (s(k) + j · (1 - exp(-rate · D(k)))) / (1 - rate · w),

in brackets the chance that somebody came during the one before. A sentence needs L
steps on average, so k of them, up to K, and beyond as K, are finished at

    m(k) = k / (L · D(k))   a second.

All who are on rows advance alike, which is processor sharing: how many are there
depends on the lengths by their mean alone (Cohen, The multiple phase service network
with generalized processor sharing, Acta Informatica 12, 1979),

    P(n) ~ rate^n / (m(1) · m(2) · … · m(n)),

and a call takes E(n) / rate on average (Little), and w. Beyond K it waits in turn,
where the formula is an approximation. The most that a replica bears is the rate that
equals m(K). What is left out: who comes waits for the step under way to end.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from .costs import Costs, Sentence

ENDLESS = 1e-12
"""Of the probability; what is beyond does not count."""

MOST_SENTENCES = 100_000

HALVINGS, ITERATIONS = 40, 30


@dataclass(frozen=True, slots=True)
class QueueModel:
    costs: Costs
    steps: float
    """Mean over the sentences."""

    source_tokens: float

    @classmethod
    def of(cls, costs: Costs, sentences: Sequence[Sentence]) -> "QueueModel":
        return cls(
            costs,
            fmean(each.steps for each in sentences),
            fmean(each.source_tokens for each in sentences),
        )

    @property
    def once(self) -> float:
        """Seconds of the core for each call, beside steps."""
        return self.costs.call + self.costs.source_token * self.source_tokens

    @property
    def capacity(self) -> float:
        """Calls a second that one replica cannot exceed."""
        most = self.costs.most_sentences
        low, high = 0.0, most / (self.steps * self.costs.seconds(most))
        for _ in range(HALVINGS):
            rate = (low + high) / 2
            if rate * self.once < 1 and rate < self.finished_a_second(most, rate):
                low = rate
            else:
                high = rate
        return low

    def duration(self, sentences: int, rate: float) -> float:
        """Of a step with so many in it, in seconds."""
        alone, left = self.costs.seconds(sentences), 1 - rate * self.once
        lasts = alone / left
        for _ in range(ITERATIONS):
            joined = self.costs.join * (1 - math.exp(-rate * lasts))
            lasts = (alone + joined) / left
        return lasts

    def finished_a_second(self, sentences: int, rate: float) -> float:
        return sentences / (self.steps * self.duration(sentences, rate))

    def mean_seconds(self, rate: float) -> float | None:
        """What a call takes at that load; None where there is no end to it."""
        if rate >= self.capacity:
            return None
        most = self.costs.most_sentences
        finished = [self.finished_a_second(k, rate) for k in range(1, most + 1)]
        weight = total = 1.0
        weighted = 0.0
        for n in range(1, MOST_SENTENCES):
            weight *= rate / finished[min(n, most) - 1]
            total += weight
            weighted += n * weight
            if n > most and weight < ENDLESS * total:
                break
        return weighted / total / rate + self.once
