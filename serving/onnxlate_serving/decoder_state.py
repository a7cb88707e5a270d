"""What the decoder remembers of every row between two tokens.

Axes: R rows, S source positions, C capacity for target positions; both sizes are
shared by all rows and rounded up, so that they change seldom.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from .binding import CacheBinder, bind_array_input
from .block import Block, Storage
from .rows import RowCopy

ROUNDING = 32
"""Sizes are multiples of this. With multiples of 8 already, padding leaves every bit
of the logits as it is (onnxruntime 1.32, AVX2; with others the last digits differ),
which is what makes a translation independent of its neighbours."""


def rounded(length: int, multiple: int = ROUNDING) -> int:
    """The next multiple: 1 -> 32, 32 -> 32, 33 -> 64."""
    return -(-length // multiple) * multiple


def visible(lengths: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.bool_]:
    """True at the first `lengths` positions: (R,) -> (R, size)."""
    return np.arange(size) < lengths[:, None]


class DecoderState:
    """Rows side by side: newest token, lengths, and the caches of all layers."""

    def __init__(self, binder: CacheBinder, storage: Storage, max_rows: int) -> None:
        self._binder = binder
        self._cross = storage.zeros(max_rows, ROUNDING)  # the sources
        self._past = storage.zeros(max_rows, ROUNDING)  # the targets so far
        self._num_rows = 0
        self.target_ids = np.zeros(max_rows, np.int64)
        """The newest token of each row, to be written by whoever chose it."""
        self._target_lengths = np.zeros(max_rows, np.int64)
        self._source_lengths = np.zeros(max_rows, np.int64)
        self._target_visible = visible(self._target_lengths, ROUNDING)
        self._source_visible = visible(self._source_lengths, ROUNDING)
        self._bound: tuple[int, ...] = ()

    @property
    def num_rows(self) -> int:
        """Live rows; they stand in front."""
        return self._num_rows

    @property
    def sizes(self) -> tuple[int, int]:
        """(S, C) as allocated."""
        return self._cross.length, self._past.length

    def join(self, cross: Block, source_lengths: Sequence[int], begin_id: int) -> None:
        """New rows behind the last one, a sentence each.

        `cross` holds their cross-attention keys and values, as the encoder made them.
        """
        first, last = self._num_rows, self._num_rows + len(source_lengths)
        self._source_lengths[first:last] = source_lengths
        self._target_lengths[first:last] = 0
        self.target_ids[first:last] = begin_id
        longest = int(self._source_lengths[:last].max())
        self._fit(self._cross, max(cross.length, longest))
        self._fit(self._past, int(self._target_lengths[:last].max()) + 1)
        self._cross.put(first, cross)
        self._past.reserve(last)
        self._num_rows = last

    def rearrange(self, copies: Sequence[RowCopy], num_rows: int) -> None:
        """Copies rows in the order given; then only the first `num_rows` live."""
        written = []
        for copy in copies:
            for each in (self._target_lengths, self._source_lengths, self.target_ids):
                each[copy.destination] = each[copy.source]
            written.append(int(self._target_lengths[copy.source]))
        self._num_rows = num_rows
        if copies:
            self._past.copy(copies, num_rows, written)
        if whole := [copy for copy in copies if copy.whole]:
            read = [int(self._source_lengths[copy.source]) for copy in whole]
            self._cross.copy(whole, num_rows, read)

    def feed(self, binding: ort.IOBinding) -> None:
        """Binds the inputs of one step, and the caches in place.

        Each row's newest token counts as written from here on.
        """
        n = self._num_rows
        self._target_lengths[:n] += 1
        needed = int(self._target_lengths[:n].max())
        if needed > self._past.length:
            self._past.resize(rounded(needed), n)
        self._target_visible = visible(self._target_lengths[:n], self._past.length)
        self._source_visible = visible(self._source_lengths[:n], self._cross.length)
        bind_array_input(binding, "target_ids", self.target_ids[:n])
        bind_array_input(binding, "target_visible", self._target_visible)
        bind_array_input(binding, "source_visible", self._source_visible)
        self._bind_caches(binding)

    def _bind_caches(self, binding: ort.IOBinding) -> None:
        """Binds anew only what has moved: at 2 µs each, caches are many."""
        cross, past = self._cross, self._past
        bound = (self._num_rows, *self.sizes, *map(cross.pointer, (0, 1)))
        bound += tuple(map(past.pointer, (0, 1)))
        if bound != self._bound:
            self._binder.inputs(binding, "cross", cross, self._num_rows)
            self._binder.inputs(binding, "past", past, self._num_rows)
            self._binder.outputs(binding, "present", past, self._num_rows)
            self._bound = bound

    def _fit(self, block: Block, needed: int) -> None:
        """Room for `needed` positions, and not for twice as many for ever."""
        size = rounded(needed)
        if size > block.length or 2 * size <= block.length:
            block.resize(size, self._num_rows)
