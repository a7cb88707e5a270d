"""One replica as a Markov chain from step to step of its engine.

Calls come at random, `rate` a second. A step with k sentences on rows takes s(k) of the
core, as it was measured. Each call takes w once (event loop, its source's tokens), and
the first of those who join a step j more. So the core is at one step, with n sentences
there and a of them new, for

    C(n, a) = s(min(n, K)) + w · a + (j if a else 0)

seconds, where K is how many there are rows for; the others wait. Meanwhile a' more
come, by Poisson's law with mean rate · C(n, a). Each on rows is finished with the
chance 1 / L, L being the steps that a sentence needs on average: d of them, by the
binomial law. The next step has n - d + a' sentences, a' of them new. Where nobody is
there the core idles until somebody comes.

P(n, a), how often each step occurs, comes of iterating that. Sentences are there for

    T = sum P(n, a) · (n · C + rate · C^2 / 2) / (rate · sum P(n, a) · C)

seconds on average (Little's law: those who are there at the start of a step, and those
who come meanwhile). No replica bears more than what finishes on full rows, K / L in
each C(K, K / L).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from .costs import Costs, Sentence

Floats = NDArray[np.float64]

MOST_NEW, MOST_WAITING = 32, 256
"""In one step; beyond the rows. What is beyond them is counted as they are."""

PRECISION, MOST_ITERATIONS = 1e-7, 20_000


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
        # With full rows K / L leave in each step, and as many join.
        leave = most / self.steps
        joins = self.costs.join * (1 - math.exp(-leave))
        return leave / (self.costs.seconds(most) + joins + leave * self.once)

    def mean_seconds(self, rate: float) -> float | None:
        """What a call takes at that load; None where there is no end to it."""
        if rate >= self.capacity:
            return None
        lasts = self._durations(rate)
        shares = self._iterated(rate, lasts)
        there = np.arange(len(lasts))[:, None]
        present = (shares * (there * lasts + rate * lasts**2 / 2))[1:].sum()
        return float(present / (rate * (shares * lasts).sum()))

    def _durations(self, rate: float) -> Floats:
        """C(n, a), and the time until somebody comes where nobody is there."""
        most = self.costs.most_sentences
        alone = [self.costs.seconds(min(n, most)) for n in range(most + MOST_WAITING)]
        new = np.arange(MOST_NEW)
        extra = self.once * new + self.costs.join * (new > 0)
        lasts: Floats = np.array(alone)[:, None] + extra[None, :]
        lasts[0] = 1 / rate
        return lasts

    def _iterated(self, rate: float, lasts: Floats) -> Floats:
        """P(n, a)."""
        size = len(lasts)
        comes = _poisson(rate * lasts)
        stay = self._stay(size)
        shares = np.zeros_like(lasts)
        shares[1, 1] = 1.0
        for _ in range(MOST_ITERATIONS):
            left = stay @ np.einsum("na,nab->nb", shares, comes)
            news = np.zeros_like(shares)
            for new in range(MOST_NEW):
                news[new:, new] = left[: size - new, new]
                news[-1, new] += left[size - new :, new].sum()
            news[1, 1] += shares[0].sum()
            if np.abs(news - shares).sum() < PRECISION:
                return news
            shares = news
        return shares

    def _stay(self, size: int) -> Floats:
        """In column n the chances that so many are left; none for an empty start."""
        most, chance = self.costs.most_sentences, min(1.0, 1 / self.steps)
        stay = np.zeros((size, size))
        for n in range(1, size):
            on_rows = min(n, most)
            for done in range(on_rows + 1):
                ways = math.comb(on_rows, done)
                left = (1 - chance) ** (on_rows - done)
                stay[n - done, n] = ways * chance**done * left
        return stay


def _poisson(means: Floats) -> Floats:
    """Along a new last axis; what is beyond it is counted as the last."""
    counts = np.arange(MOST_NEW)
    factorials = np.array([math.lgamma(n + 1) for n in counts])
    shares: Floats = np.exp(
        counts * np.log(means)[..., None] - means[..., None] - factorials
    )
    shares[..., -1] += 1 - shares.sum(axis=-1)
    return shares
