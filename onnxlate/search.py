"""Which token next: greedy and beam search over rows of logits.

Numpy alone, so that PyTorch in training, onnxruntime in the export gate and the
serving engine all search with this one piece of code, and can differ only in their
logits. One search is one sentence; whoever batches calls `candidates` once for all
rows and hands each search its own.

Axes: R rows (live hypotheses of all sentences), V vocabulary, C candidates per row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .finish import FinishReason as FinishReason

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


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


@dataclass(frozen=True, slots=True)
class Hypothesis:
    tokens: tuple[int, ...]
    """Target ids without begin and end."""

    score: float
    """log_prob / num_tokens ** length_penalty, the end token counted."""

    log_prob: float
    """Sum of the tokens' log-probabilities, end token included; nan if not kept."""

    finish_reason: FinishReason


@dataclass(frozen=True, slots=True)
class Advance:
    """What the decoder is fed next for one sentence."""

    tokens: tuple[int, ...]
    """One target token per live row; () when the search is over."""

    parents: tuple[int, ...]
    """For each of them, which of the sentence's previous rows it continues."""


class Search(Protocol):
    """Starts on one row fed the begin token, then advances step by step."""

    @property
    def width(self) -> int:
        """Candidates it needs per row."""

    @property
    def with_scores(self) -> bool:
        """Whether candidates need log-probabilities or only their order."""

    def advance(self, tokens: Ints, scores: Floats) -> Advance:
        """Takes its rows' candidates, best first: both (rows, >= width)."""

    def stable_prefix(self) -> tuple[int, ...]:
        """The tokens that every possible outcome begins with."""

    def hypotheses(self) -> list[Hypothesis]:
        """Best first, at most num_hypotheses; complete once the search is over."""


def start(options: SearchOptions, eos_id: int) -> Search:
    if options.beam_size == 1:
        return GreedySearch(options, eos_id)
    return BeamSearch(options, eos_id)


def candidates(logits: Floats, width: int, with_scores: bool) -> tuple[Ints, Floats]:
    """The best `width` tokens of every row: (R, V) -> (R, C) ids and scores.

    Scores are log-probabilities, or zeros if not wanted. Equal logits go by token
    id, so that the outcome depends on the row alone.
    """
    if width == 1:
        tokens = logits.argmax(axis=1)[:, None]
    else:
        width = min(width, logits.shape[1])
        tokens = np.argpartition(logits, -width, axis=1)[:, -width:]
        tokens.sort(axis=1)
        best = np.take_along_axis(logits, tokens, axis=1)
        order = np.argsort(-best, axis=1, kind="stable")
        tokens = np.take_along_axis(tokens, order, axis=1)
        # A partition takes any of several equals where it cuts; ids decide instead.
        worst = np.take_along_axis(logits, tokens[:, -1:], axis=1)
        for row in np.flatnonzero((logits >= worst).sum(axis=1) > width):
            tokens[row] = np.argsort(-logits[row], kind="stable")[:width]
    if not with_scores:
        return tokens, np.zeros(tokens.shape, dtype=np.float32)
    top = logits.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(logits - top).sum(axis=1, keepdims=True)) + top
    return tokens, np.take_along_axis(logits, tokens, axis=1) - log_total


def select(
    searches: Sequence[Search], num_rows: Sequence[int], logits: Floats
) -> list[Advance]:
    """Advances many searches whose rows stand one after another in `logits`.

    Searches of one kind share one pass over the vocabulary; how many there are
    changes nothing in the outcome of any.
    """
    starts = np.cumsum([0, *num_rows])
    advances: list[Advance | None] = [None] * len(searches)
    kinds: dict[tuple[int, bool], list[int]] = {}
    for index, search in enumerate(searches):
        kinds.setdefault((search.width, search.with_scores), []).append(index)
    for (width, with_scores), members in kinds.items():
        rows = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in members])
        theirs = logits if len(rows) == len(logits) else logits[rows]
        tokens, scores = candidates(theirs, width, with_scores)
        at = 0
        for i in members:
            end = at + num_rows[i]
            advances[i] = searches[i].advance(tokens[at:end], scores[at:end])
            at = end
    return [advance for advance in advances if advance is not None]


class GreedySearch:
    """Always the likeliest token."""

    width = 1

    def __init__(self, options: SearchOptions, eos_id: int) -> None:
        self._options = options
        self._eos_id = eos_id
        self._tokens: list[int] = []
        self._log_prob = 0.0
        self._finish_reason: FinishReason | None = None

    @property
    def with_scores(self) -> bool:
        return self._options.with_scores

    def advance(self, tokens: Ints, scores: Floats) -> Advance:
        token = int(tokens[0, 0])
        self._log_prob += float(scores[0, 0])
        if token == self._eos_id:
            self._finish_reason = FinishReason.EOS
            return Advance((), ())
        self._tokens.append(token)
        if len(self._tokens) >= self._options.max_target_tokens:
            self._finish_reason = FinishReason.LENGTH
            return Advance((), ())
        return Advance((token,), (0,))

    def stable_prefix(self) -> tuple[int, ...]:
        return tuple(self._tokens)

    def hypotheses(self) -> list[Hypothesis]:
        reason = self._finish_reason or FinishReason.LENGTH
        length = len(self._tokens) + (reason is FinishReason.EOS)
        log_prob = self._log_prob if self.with_scores else float("nan")
        score = log_prob / max(length, 1) ** self._options.length_penalty
        return [Hypothesis(tuple(self._tokens), score, log_prob, reason)]


@dataclass(frozen=True, slots=True)
class _Live:
    tokens: tuple[int, ...]
    log_prob: float


class BeamSearch:
    """Keeps the `beam_size` likeliest unfinished hypotheses.

    Twice beam_size candidates are looked at, so that however many of them end,
    beam_size remain, and ended ones must stand among the best beam_size to count
    (fairseq, Marian and CTranslate2 do the same). The search is over when beam_size
    have ended and nobody who lives is ahead of the best of them. Others stop at
    beam_size ended: where a model is sure of itself, the rest of the beam are
    stumps that end early, and the only good hypothesis would be cut off.
    """

    with_scores = True

    def __init__(self, options: SearchOptions, eos_id: int) -> None:
        self._options = options
        self._eos_id = eos_id
        self._live = [_Live((), 0.0)]
        self._ended: list[Hypothesis] = []

    @property
    def width(self) -> int:
        return 2 * self._options.beam_size

    def advance(self, tokens: Ints, scores: Floats) -> Advance:
        beam = self._options.beam_size
        so_far = np.array([live.log_prob for live in self._live])
        totals = so_far[:, None] + scores.astype(np.float64)
        # Stable, so that ties fall to the earlier row and the smaller token id.
        order = np.argsort(-totals, axis=None, kind="stable")[: self.width]
        length = len(self._live[0].tokens) + 1

        live: list[_Live] = []
        parents: list[int] = []
        for rank, flat in enumerate(order):
            parent, column = divmod(int(flat), tokens.shape[1])
            token, log_prob = int(tokens[parent, column]), float(totals[parent, column])
            prefix = self._live[parent].tokens
            if token == self._eos_id:
                if rank < beam:
                    self._end(prefix, log_prob, length, FinishReason.EOS)
            elif len(live) < beam:
                live.append(_Live((*prefix, token), log_prob))
                parents.append(parent)

        if self._nothing_to_gain(live, length):
            live = []
        elif length >= self._options.max_target_tokens:
            for each in live:
                self._end(each.tokens, each.log_prob, length, FinishReason.LENGTH)
            live = []
        self._live = live
        if not live:
            return Advance((), ())
        return Advance(tuple(each.tokens[-1] for each in live), tuple(parents))

    def stable_prefix(self) -> tuple[int, ...]:
        """What all live and ended hypotheses share."""
        if not self._live:
            return self.hypotheses()[0].tokens
        everyone = [each.tokens for each in self._live]
        everyone += [each.tokens for each in self._ended]
        shared = 0
        for column in zip(*everyone, strict=False):
            if len(set(column)) > 1:
                break
            shared += 1
        return everyone[0][:shared]

    def hypotheses(self) -> list[Hypothesis]:
        # A sentence the model ended beats one that was cut off.
        ranked = sorted(
            self._ended,
            key=lambda each: (each.finish_reason is FinishReason.LENGTH, -each.score),
        )
        return ranked[: self._options.num_hypotheses]

    def _nothing_to_gain(self, live: Sequence[_Live], length: int) -> bool:
        """Whether enough have ended, the wanted ones better than all that live."""
        if len(self._ended) < self._options.beam_size or not live:
            return len(self._ended) >= self._options.beam_size
        ahead = live[0].log_prob / length**self._options.length_penalty
        scores = sorted((each.score for each in self._ended), reverse=True)
        return bool(scores[self._options.num_hypotheses - 1] >= ahead)

    def _end(
        self,
        tokens: tuple[int, ...],
        log_prob: float,
        length: int,
        reason: FinishReason,
    ) -> None:
        score = log_prob / length**self._options.length_penalty
        self._ended.append(Hypothesis(tokens, score, log_prob, reason))
