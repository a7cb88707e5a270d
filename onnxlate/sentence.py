"""One sentence of a search: what was asked, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .answer import Sampling
from .candidates import LAST_RESORT, Floats, History
from .finish import FinishReason
from .required import Progress, Required, Terms
from .rules import Rule, rules_of
from .sampling import drawn


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

    repetition_penalty: float = 1.0
    """By which the logits of tokens are divided that were said before; 1 is off."""

    no_repeat_ngram_size: int = 0
    """No run of so many tokens is said twice; 0 is off."""

    sampling: Sampling | None = None
    """Draws tokens, where the beam_size is 1."""

    draw: int = 0
    """Which of several draws with one seed."""

    required: tuple[tuple[int, ...], ...] = ()
    """Sequences of target ids that are said exactly once each, in any order; one that
    is in it twice is said twice. The end is not chosen before."""

    terms: Terms | None = None
    """Words that are said too, each at least once."""

    rules: tuple[Rule, ...] = ()
    """More that has a say in which token is next, in order."""

    begin: tuple[int, ...] = ()
    """What every target of this model begins with, such as its language's token. It
    counts in lengths and costs nothing, and no rule or demand has a say in it."""

    with_tokens: bool = False
    """Whether to keep the log-probability of every token."""

    @property
    def ruled(self) -> bool:
        """Whether there is more to a step than the likeliest tokens."""
        return bool(
            self.rules
            or self.required
            or self.terms
            or self.sampling
            or self.no_repeat_ngram_size
            or self.repetition_penalty != 1
        )


@dataclass(frozen=True, slots=True)
class Hypothesis:
    tokens: tuple[int, ...]
    """Target ids without begin and end."""

    score: float
    """log_prob / num_tokens ** length_penalty, the end token counted."""

    log_prob: float
    """Sum of the tokens' log-probabilities, end token included; nan if not kept.

    They are the model's own, whatever else was forbidden, but for what
    repetition_penalty took off."""

    finish_reason: FinishReason

    token_log_probs: tuple[float, ...] = ()
    """Of each token, and of the end if the model ended it; () if not kept."""


NOTHING = Required((), None)
"""What most sentences require."""


@dataclass(slots=True)
class Sentence:
    """What ended; what lives is in the search's arrays."""

    options: SearchOptions
    ended: list[Hypothesis] = field(default_factory=list)
    outcome: list[Hypothesis] | None = None
    """None until the search is over."""
    rules: tuple[Rule, ...] = field(init=False)
    required: Required = field(init=False)
    pressed: list[int] = field(default_factory=list)
    """What greedy search is in the middle of, since it was required."""

    def __post_init__(self) -> None:
        options = self.options
        self.rules = options.rules + rules_of(
            options.repetition_penalty, options.no_repeat_ngram_size
        )
        demands = options.required or options.terms
        self.required = (
            Required(options.required, options.terms) if demands else NOTHING
        )

    def begins(self, said: History) -> bool:
        """Whether what comes next is given: `options.begin` is not over."""
        return len(said) < len(self.options.begin)

    def edit(self, row: Floats, said: History, eos_id: int) -> Progress | None:
        """Applies all rules to the logits after what was said: (V,), (T,).

        None where nothing is required, or has no say yet.
        """
        if self.begins(said):
            return None
        end = float(row[eos_id])
        progress = None
        room = self.options.max_target_tokens - len(said)
        said = said[len(self.options.begin) :]
        if not any(rule.edit(row, said) for rule in self.rules) and self.required:
            progress = self.required.edit(row, said.tolist(), room, eos_id)
        if row.max() == -np.inf:  # demands that cannot all be met end here
            row[eos_id] = max(end, LAST_RESORT)  # however early
        return progress

    def choose(self, row: Floats, said: History, eos_id: int) -> int:
        """The next token of greedy search; edits the logits: (V,), (T,).

        What is required and was not said by the end is said there. Greedy search
        cannot look ahead to a better place; beams can.
        """
        if self.begins(said):
            return int(row.argmax())
        if self.pressed:
            return self.pressed.pop(0)
        end = float(row[eos_id])
        progress = self.edit(row, said, eos_id)
        if progress and progress.latest_word:
            self.required.part(row)
        room = self.options.max_target_tokens - len(said)
        if not progress or not progress.unmet or progress.presses(room):
            return self._pick(row, len(said))
        wished = row.copy()
        wished[eos_id] = end
        token = self._pick(wished, len(said))
        if token == eos_id:
            token, *self.pressed = self.required.cheapest(row, progress)
        return token

    def _pick(self, row: Floats, step: int) -> int:
        sampling = self.options.sampling
        if sampling is None:
            return int(row.argmax())
        return drawn(row, sampling, self.options.draw, step)

    def end(
        self,
        tokens: Sequence[int],
        log_prob: float,
        length: int,
        reason: FinishReason,
        token_log_probs: tuple[float, ...] = (),
    ) -> float:
        """Notes a hypothesis of so many tokens, the end of sentence included; its
        score."""
        score: float = log_prob / length**self.options.length_penalty
        self.ended.append(
            Hypothesis(tuple(tokens), score, log_prob, reason, token_log_probs)
        )
        return score

    def finish(self) -> list[Hypothesis]:
        # A sentence the model ended beats one that was cut off.
        if len(self.ended) > 1:
            self.ended.sort(
                key=lambda h: (h.finish_reason is FinishReason.LENGTH, -h.score)
            )
        self.outcome = self.ended[: self.options.num_hypotheses]
        return self.outcome
