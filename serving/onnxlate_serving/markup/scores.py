"""The score of a whole, from those of its parts."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """Of one translation: its log-probability / its tokens to the length penalty."""

    score: float
    num_tokens: int


def score_of_all(scores: Sequence[Score], penalty: float) -> float:
    """As one translation would have it that has all these tokens."""
    log_prob = sum(each.score * each.num_tokens**penalty for each in scores)
    num_tokens = sum(each.num_tokens for each in scores)
    return float(log_prob / max(1, num_tokens) ** penalty)
