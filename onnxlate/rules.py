"""What may be said next, where a request has a say in it.

Rules edit the logits of one row, knowing what that row has said. They keep nothing from
one step to the next, so that hypotheses may branch and rows may move as they like.

Axes: V vocabulary, T target positions.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .candidates import Floats, History


class Rule(Protocol):
    """Compared by what it demands: requests with equal rules have equal answers."""

    def edit(self, row: Floats, said: History) -> bool:
        """Lowers what is not wanted next, to -inf what is forbidden: (V,), (T,).

        Says whether no other rule has a say in this step.
        """


@dataclass(frozen=True, slots=True)
class RepetitionPenalty:
    """Keskar et al. 2019, equation 5: the logits of what was said are divided.

    Negative ones are multiplied, or the penalty would favour them.
    """

    penalty: float

    def edit(self, row: Floats, said: History) -> bool:
        tokens = np.unique(said)
        logits = row[tokens]
        row[tokens] = np.where(logits > 0, logits / self.penalty, logits * self.penalty)
        return False


@dataclass(frozen=True, slots=True)
class NoRepeat:
    """No run of so many tokens is said twice (Paulus et al. 2017)."""

    size: int

    def edit(self, row: Floats, said: History) -> bool:
        if len(said) < self.size:
            return False
        runs = np.lib.stride_tricks.sliding_window_view(said, self.size)
        latest = said[len(said) - self.size + 1 :]
        row[runs[(runs[:, :-1] == latest).all(axis=1), -1]] = -np.inf
        return False


def rules_of(repetition_penalty: float, no_repeat_ngram_size: int) -> tuple[Rule, ...]:
    """Those that numbers ask for; 1 and 0 ask for none."""
    rules: list[Rule] = []
    if repetition_penalty != 1:
        rules.append(RepetitionPenalty(repetition_penalty))
    if no_repeat_ngram_size:
        rules.append(NoRepeat(no_repeat_ngram_size))
    return tuple(rules)
