"""One sentence of a search: what was asked, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from .finish import FinishReason


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How one text is to be decoded; any mix may share a batch."""

    max_target_tokens: int
    """Longest target, in tokens, end of sentence included."""

    beam_size: int = 1
    """Hypotheses kept per text; 1 is greedy search."""

    num_hypotheses: int = 1
    """Best hypotheses to return, at most beam_size."""

    length_penalty: float = 1.0
    """Exponent of the length that log-probabilities are divided by; 0 favours
    short targets, 1 compares averages (Wu et al. 2016 without the offset)."""

    with_scores: bool = False
    """Whether greedy search keeps log-probabilities too; beams always do."""

    min_target_tokens: int = 0
    """Shortest target, in tokens, end of sentence included: the end is not chosen
    before, unless max_target_tokens is less."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    tokens: tuple[int, ...]
    """Target ids without begin and end."""

    score: float
    """log_prob / num_tokens ** length_penalty, the end token counted."""

    log_prob: float
    """Sum of the tokens' log-probabilities, end token included; nan if not kept."""

    finish_reason: FinishReason


@dataclass(slots=True)
class Sentence:
    """What ended, and whether that is enough; what lives is in the search's arrays."""

    options: SearchOptions
    ended: list[Hypothesis] = field(default_factory=list)
    outcome: list[Hypothesis] | None = None
    """None until the search is over."""

    def end(
        self, tokens: Sequence[int], log_prob: float, length: int, reason: FinishReason
    ) -> None:
        """Notes a hypothesis of so many tokens, the end of sentence included."""
        score = log_prob / length**self.options.length_penalty
        self.ended.append(Hypothesis(tuple(tokens), score, log_prob, reason))

    def is_decided(self, best_live: float, length: int) -> bool:
        """Whether enough have ended, the wanted ones no worse than all that live."""
        if len(self.ended) < self.options.beam_size:
            return False
        ahead = best_live / length**self.options.length_penalty
        scores = sorted((each.score for each in self.ended), reverse=True)
        return bool(scores[self.options.num_hypotheses - 1] >= ahead)

    def finish(self) -> list[Hypothesis]:
        # A sentence the model ended beats one that was cut off.
        self.ended.sort(
            key=lambda h: (h.finish_reason is FinishReason.LENGTH, -h.score)
        )
        self.outcome = self.ended[: self.options.num_hypotheses]
        return self.outcome
