"""Greedy choice by rough scores and a few exact ones.

A decoder that scores roughly says how far it may be off. Tokens that are so close to
the highest that they might beat it are scored exactly, with the generator's weights;
most rows have one such token, and are done without. What comes out is what exact scores
give, at a part of their cost (docs/bundle.md).

Axes: R rows, V vocabulary, D width, F folds, N = V // F columns, C tokens in question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxlate.candidates import FOLDS, along, folded
from onnxlate.search import Floats, Ints

from .binding import bind_array_input, bind_array_output

if TYPE_CHECKING:
    import onnxruntime as ort

WORTH_IT = 16_000_000
"""Multiplications for all rows' scores, from which on the detour pays."""

ROUGH, EXACT = np.array(True), np.array(False)


class Screen:
    """What scores of up to `max_rows` rows come with, and what to make of them.

    How rough they are depends on who stands beside, and what is chosen must not: even
    exact scores are no better than their rounding, so where it matters, the same sums
    decide in both cases.
    """

    def __init__(
        self, generator: Floats, max_rows: int, bias: Floats | None = None
    ) -> None:
        """`generator` is what the decoder multiplies with, (V, D); `bias` (V,) is what
        it adds."""
        self._weight = generator
        self._bias = bias
        self._error = np.zeros(max_rows, np.float32)
        self._decoded = np.zeros((max_rows, generator.shape[1]), np.float32)

    def pays(self, num_rows: int) -> bool:
        """Whether the scores of so many rows had better be rough."""
        return num_rows * self._weight.size >= WORTH_IT

    def bind(self, binding: ort.IOBinding, num_rows: int, rough: bool) -> None:
        bind_array_input(binding, "approximate", ROUGH if rough else EXACT)
        bind_array_output(binding, "logits_error", self._error[:num_rows])
        bind_array_output(binding, "decoded", self._decoded[:num_rows])

    def highest(self, logits: Floats, rough: bool) -> Ints:
        """The token with the highest exact logit: (R, V) -> (R,)."""
        error = self._error[: len(logits)]
        if not rough:
            tokens: Ints = logits.argmax(axis=1)
            least = along(logits, tokens[:, None]) - 2 * error[:, None]
            if np.count_nonzero(logits >= least) == len(logits):
                return tokens
        rows, tokens = within_reach(logits, error)
        if len(rows) == len(logits):
            return tokens
        # Not as one matrix product: a row's sums must not depend on its neighbours.
        exact = np.einsum("cd,cd->c", self._weight[tokens], self._decoded[rows])
        if self._bias is not None:
            exact += self._bias[tokens]
        # By row, the best first, the smaller of equals.
        order = np.lexsort((tokens, -exact, rows))
        firsts = np.searchsorted(rows, np.arange(len(logits)))
        return tokens[order[firsts]]


def within_reach(logits: Floats, error: Floats) -> tuple[Ints, Ints]:
    """Which tokens may have the highest exact logit: (R, V), (R,) -> (C,), (C,).

    Rows in ascending order, at least one token for each.
    """
    # Only in columns with a high peak are tokens looked at one by one, and in the few
    # that are left over behind the last fold.
    peaks, rest = folded(logits)
    vocabulary, columns = logits.shape[1], peaks.shape[1]
    highest = peaks.max(axis=1, initial=-np.inf)
    np.maximum(highest, rest.max(axis=1, initial=-np.inf), out=highest)
    least = highest - 2 * error

    rows, high = _not_below(least, peaks)
    tokens = high[:, None] + columns * np.arange(FOLDS)  # (., F)
    values = logits.reshape(-1).take(rows[:, None] * vocabulary + tokens)
    at, fold = _not_below(least[rows], values)
    rows, tokens = rows[at], tokens[at, fold]
    more_rows, more = _not_below(least, rest)
    if len(more):
        rows = np.concatenate([rows, more_rows])
        tokens = np.concatenate([tokens, more + FOLDS * columns])
        order = np.argsort(rows, kind="stable")
        rows, tokens = rows[order], tokens[order]
    return rows, tokens


def _not_below(least: Floats, values: Floats) -> tuple[Ints, Ints]:
    """Rows and columns; not "from there up", or a NaN would leave its row empty."""
    found = np.flatnonzero(~(values < least[:, None]))
    return np.divmod(found, max(1, values.shape[1]))
