"""One step of the beams that have rules, in place of what the others do.

Where something is required, the hypotheses that have said more of it must not be
compared with those that have said less and are thus still likelier. They are kept in
banks by how far they are, and each bank has its share of the beam: dynamic beam
allocation (Post and Vilar 2018), with one bank for all that are in the middle of a
demand instead of one for each of its tokens, so that a beam of five is enough.

Axes: P places (sentences), k hypotheses of each, R = P * k rows, C candidates per row,
V vocabulary, T target positions, L live rows of one sentence.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .beam import Bools, Doubles, Extensions
from .candidates import Floats, History, Ints, LogProbs, along, likeliest
from .required import Bank, Progress
from .sentence import Sentence

Candidate = tuple[float, int, int]
"""Minus the log-probability, the row, the token: sorted, the best comes first."""


@dataclass(frozen=True, slots=True)
class Place:
    """One sentence before its step."""

    sentence: Sentence
    first_row: int
    log_probs: Doubles
    """(k,)"""
    said: History
    """(k, T)"""


class RuledBeams:
    def __init__(self, eos_id: int, log_probs: LogProbs) -> None:
        self._eos_id = eos_id
        self._log_probs_of = log_probs

    def apply(
        self, place: Place, logits: Floats, tokens: Ints, scores: Floats
    ) -> list[Candidate]:
        """Writes the candidates that rules leave over the sentence's others: (R, V),
        (R, C), (R, C). Where something is required, those that `arranged` is to put in
        their place, best first.
        """
        hypotheses = np.flatnonzero(place.log_probs != -np.inf)
        rows = place.first_row + hypotheses  # (L,)
        original = logits[rows]  # (L, V)
        edited = original.copy()
        progress = [
            place.sentence.edit(edited[at], place.said[hypothesis], self._eos_id)
            for at, hypothesis in enumerate(hypotheses.tolist())
        ]
        # Who has nothing else left may end where nobody else may yet.
        early = original[:, self._eos_id] == -np.inf
        original[early, self._eos_id] = edited[early, self._eos_id]
        at_end = tokens[rows, 0] == self._eos_id
        width = tokens.shape[1]
        left = likeliest(edited, width)
        leads = sorted({token for each in progress if each for token in each.leads})
        columns = np.hstack([left, np.tile(np.array(leads, np.int64), (len(rows), 1))])
        own = self._log_probs_of.of(original, np.hstack([tokens[rows, :1], columns]))
        values, before = along(edited, columns), along(original, columns)
        with np.errstate(invalid="ignore"):  # of infinities, which are not looked at
            ours = own[:, 1:] + (values - before)
        ours[values == -np.inf] = -np.inf
        tokens[rows], scores[rows] = left, ours[:, :width]
        if not any(progress):
            return []
        return self._banked(place, hypotheses, progress, columns, ours, at_end)

    def _banked(
        self,
        place: Place,
        hypotheses: Ints,
        progress: Sequence[Progress | None],
        columns: Ints,
        scores: Floats,
        at_end: Bools,
    ) -> list[Candidate]:
        required = place.sentence.required
        banks: dict[Bank, set[Candidate]] = defaultdict(set)
        late: list[Candidate] = []
        for at, hypothesis in enumerate(hypotheses.tolist()):
            past, there = float(place.log_probs[hypothesis]), progress[at]
            too_late = at_end[at] and there and there.unmet
            pairs = zip(columns[at].tolist(), scores[at].tolist(), strict=True)
            for token, score in pairs:
                if score == -np.inf:
                    continue
                candidate = (-(past + score), hypothesis, token)
                if too_late:
                    late.append(candidate)
                else:
                    bank = (
                        there.with_token(token, required.joins(token))
                        if there
                        else (0, 0)
                    )
                    banks[bank].add(candidate)
        # Who would end here and may not, has missed the place for what is required.
        return _by_turns(
            [sorted(banks[bank]) for bank in sorted(banks, reverse=True)],
            full=required.last_bank in banks,
            width=len(place.log_probs),
        ) + sorted(late)


def _by_turns(banks: list[list[Candidate]], full: bool, width: int) -> list[Candidate]:
    """One of each bank after the other, the bank with the best first.

    If there is a `full` bank, which comes first in `banks`, its best is among the first
    `width`.
    """
    order = sorted(banks)
    if full and order.index(banks[0]) >= width:
        order.remove(banks[0])
        order.insert(width - 1, banks[0])
    longest = max(map(len, order), default=0)
    return [bank[at] for at in range(longest) for bank in order if at < len(bank)]


def arranged(best: Extensions, place: int, candidates: Sequence[Candidate]) -> None:
    """Writes these over a sentence's extensions, as many as there is room for."""
    width = best.tokens.shape[1]
    kept = candidates[:width]
    best.log_probs[place] = -np.inf
    for rank, (loss, hypothesis, token) in enumerate(kept):
        best.log_probs[place, rank] = -loss
        best.parents[place, rank] = hypothesis
        best.tokens[place, rank] = token
