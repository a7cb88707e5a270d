"""The likeliest tokens of many rows, exactly, without sorting a vocabulary.

What a row gets depends on that row alone, to the last bit: every sum runs along one
row, however many rows there are and however they are cut into pieces.

Axes: R rows, V vocabulary, C candidates per row, F folds, N = V // F columns.
"""

from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
History = npt.NDArray[np.int32]
"""Tokens that were said."""
Scalar = TypeVar("Scalar", np.float32, np.float64, np.int64)

LAST_RESORT = -1e4
"""A logit that makes no difference beside others, and a choice where there is none."""

FOLDS = 32
"""A row is folded into so many lines, one above the other. Fewer make more columns to
choose from, more make the chosen ones longer; between 16 and 64 all are about equal."""

SCRATCH = 2**18
"""Logits exponentiated at a time, so that they are still in the L2 cache when they are
added up. A row that is longer goes alone."""


def likeliest(logits: Floats, width: int) -> Ints:
    """The best `width` tokens of every row, best first: (R, V) -> (R, C) ids.

    C is V where that is less. Equal logits go by token id.

    The row is folded: column n holds the tokens n, n + N, n + 2N and so on. As many
    columns as tokens are wanted, those with the highest peaks, hold all tokens that
    can be among the best; the few left over behind the last fold are looked at too.
    """
    num_rows, vocabulary = logits.shape
    width = min(width, vocabulary)
    columns = vocabulary // FOLDS
    if columns <= width:
        return _best(logits, width)
    peaks, _ = folded(logits)
    highest, tied = _largest(peaks, width)  # (R, C)

    folds = np.arange(0, FOLDS * columns, columns)
    ids = (folds[:, None] + highest[:, None]).reshape(num_rows, -1)  # (R, F * C)
    rest = np.arange(FOLDS * columns, vocabulary)
    if len(rest):
        ids = np.hstack([ids, np.broadcast_to(rest, (num_rows, len(rest)))])
    # Ids ascend in each row, so the first of equals is the one with the smaller id.
    tokens = along(ids, _best(along(logits, ids), width))
    for row in tied:  # which of two equal peaks has the smaller id is not known
        least = peaks[row, highest[row]].min()
        tokens[row] = _ranked(logits[row], least)[:width]
    return tokens


def folded(logits: Floats) -> tuple[Floats, Floats]:
    """Peaks of the columns, and what is left over behind the last fold: (R, V) ->
    (R, N), (R, V - F * N)."""
    num_rows, vocabulary = logits.shape
    columns = vocabulary // FOLDS
    size = FOLDS * columns
    folds = logits[:, :size].reshape(num_rows, FOLDS, columns)
    return folds.max(axis=1), logits[:, size:]


class LogProbs(Protocol):
    """Log-probabilities of single tokens."""

    def of(self, logits: Floats, tokens: Ints) -> Floats:
        """(R, V), (R, C) -> (R, C). A row's likeliest token must come first."""


class NumpyLogProbs:
    """By numpy alone; owns the memory that takes."""

    def __init__(self) -> None:
        self._scratch = np.zeros((0, 0), np.float32)

    def of(self, logits: Floats, tokens: Ints) -> Floats:
        chosen = along(logits, tokens)
        top = chosen[:, :1]  # subtracted, so that nothing overflows
        totals = np.empty_like(top)
        num_rows, vocabulary = logits.shape
        size = max(1, SCRATCH // vocabulary)
        if self._scratch.shape != (size, vocabulary):
            self._scratch = np.empty((size, vocabulary), np.float32)
        for at in range(0, num_rows, size):
            piece = slice(at, at + size)
            scratch = self._scratch[: num_rows - at]
            np.subtract(logits[piece], top[piece], out=scratch)
            np.exp(scratch, out=scratch)
            np.sum(scratch, axis=1, keepdims=True, out=totals[piece])
        np.log(totals, out=totals)
        totals += top
        return chosen - totals


def _best(values: Floats, width: int) -> Ints:
    """Columns of the best values, best first, the left of equals: (R, C)."""
    columns, _ = _largest(values, width)
    order = np.argsort(-along(values, columns), axis=1, kind="stable")
    return along(columns, order)


def _largest(values: Floats, width: int) -> tuple[Ints, list[int]]:
    """Columns of the `width` largest values, ascending, the left of equals: (R, C).

    Also the rows where others are equal to the least of them.
    """
    num_rows, size = values.shape
    least = np.partition(values, size - width, axis=1)[:, size - width, None]
    # "Not below" rather than "above": a NaN is no comparison's friend, and a model
    # that gives one must not break the rows beside it.
    large = ~(values < least)
    found = np.flatnonzero(large)
    tied: list[int] = []
    if len(found) > num_rows * width:
        tied = np.flatnonzero(np.count_nonzero(large, axis=1) > width).tolist()
        for row in tied:
            dropped = _ranked(values[row], least[row])[width:]
            large[row, dropped] = False
        found = np.flatnonzero(large)
    return (found % size).reshape(num_rows, width), tied


def _ranked(row: Floats, least: Floats) -> Ints:
    """Columns of the values from `least` up, best first, the left of equals."""
    columns = np.flatnonzero(~(row < least))
    return columns[np.argsort(-row[columns], kind="stable")]


def along(values: npt.NDArray[Scalar], columns: Ints) -> npt.NDArray[Scalar]:
    """values[r, columns[r, c]]; twice as fast as np.take_along_axis."""
    num_rows, size = values.shape
    starts = np.arange(0, num_rows * size, size)
    return values.reshape(-1).take(columns + starts[:, None])
