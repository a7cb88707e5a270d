"""Many beams of one size: what is kept of them, and who goes on after a step.

Axes: P places (sentences), k hypotheses of each, R = P * k rows, C candidates per row,
W candidates per sentence.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .candidates import Floats, History, Ints, along

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def beam_dtype(beam_size: int) -> np.dtype[np.void]:
    """What is kept of a sentence between two steps. Compiled code (serving/kernels)
    reads and writes it up to `scores`."""
    fields: list[tuple[str, type] | tuple[str, type, tuple[int]]] = [
        ("length", np.int64),  # tokens so far, of every hypothesis alike
        ("min_length", np.int64),
        ("max_length", np.int64),
        ("num_ended", np.int64),
        ("num_hypotheses", np.int64),  # wanted at the end
        ("over", np.int64),
        ("length_penalty", np.float64),
        ("log_probs", np.float64, (beam_size,)),  # -inf where nobody lives
        ("scores", np.float64, (beam_size,)),  # of the best that ended, best first
        ("begin_length", np.int64),
        ("scored", np.bool_),
        ("ruled", np.bool_),
        ("traced", np.bool_),
    ]
    return np.dtype(fields, align=True)


@dataclass(frozen=True, slots=True)
class Beams:
    """Arrays of all sentences, for code that does several steps by itself."""

    state: npt.NDArray[np.void]
    """(P,) of beam_dtype."""

    history: History
    """(P, k, T) tokens so far, with room for the steps to come."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A hypothesis that ended in such steps."""

    place: int
    length: int
    """Tokens, the end included unless it was cut off."""
    is_cut: bool
    """Whether it only reached the greatest length."""
    log_prob: float
    tokens: list[int]
    """The end left out."""


@dataclass(frozen=True, slots=True)
class Extensions:
    """Hypotheses one token longer than before, best first: all (P, W) or (P, k)."""

    tokens: Ints
    """The token that was added."""

    log_probs: Doubles
    """Of the whole hypothesis; -inf where there is none, always behind the others."""

    parents: Ints
    """Which of the sentence's k hypotheses is continued."""


def ranked(log_probs: Doubles, tokens: Ints, scores: Floats) -> Extensions:
    """The best 2 k candidates of each sentence, best first: (P, W).

    From log_probs so far (P, k) and each row's candidates, best first (R, C). Equals go
    by row, and on one row in the given order.
    """
    num_places, k = log_probs.shape
    totals = log_probs.reshape(-1, 1) + scores.astype(np.float64)
    totals = totals.reshape(num_places, -1)  # (P, k * C)
    order = np.argsort(-totals, axis=1, kind="stable")[:, : 2 * k]
    return Extensions(
        tokens=along(tokens.reshape(totals.shape), order),
        log_probs=along(totals, order),
        parents=order // tokens.shape[1],
    )


def survivors(best: Extensions, ends: Bools, k: int) -> Extensions:
    """The best k that do not end: (P, W) -> (P, k)."""
    if not ends.any():
        return Extensions(
            best.tokens[:, :k], best.log_probs[:, :k], best.parents[:, :k]
        )
    order = np.argsort(ends, axis=1, kind="stable")[:, :k]
    # With one word in the vocabulary, what ends is all there is.
    log_probs = np.where(ends, -np.inf, best.log_probs)
    return Extensions(
        along(best.tokens, order), along(log_probs, order), along(best.parents, order)
    )


def placed(parents: Ints, alive: Bools) -> tuple[Ints, Ints]:
    """Which extension goes on each row, and from which row: (R,) -> (R,), (R,).

    `parents` are counted as rows. The first living extension of a parent takes its
    row, further ones take the rows that nobody continues, in order; so a row is
    written over only if nothing goes on from it. What is not alive fills the rest and
    is its own parent. As many rows are left in each sentence as extensions are, so
    none leaves its sentence.
    """
    rows = np.arange(len(parents))
    order = np.full(len(parents), -1)
    living = rows[alive][::-1]
    order[parents[living]] = living  # of several, numpy keeps the last
    free = order < 0
    further = np.ones(len(parents), np.bool_)
    further[order[~free]] = False
    order[free] = rows[further]
    return order, np.where(alive[order], parents[order], rows)
