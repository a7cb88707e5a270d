"""What the decoder remembers of sentences of one beam size between two tokens.

Axes: P places (sentences), k rows of each, R = P * k rows, S source positions, C
capacity for target positions; both sizes are shared by all and rounded up, so that
they change seldom.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from onnxlate.search import Ints

from .binding import CacheBinder, bind_array_input
from .block import Block, Storage

Bools = npt.NDArray[np.bool_]

ROUNDING = 8
"""Sizes are multiples of this, so that padding leaves every bit of the logits as it is
(onnxruntime 1.32, AVX2 and AVX-512; with others the last digits differ), which is what
makes a translation independent of its neighbours."""


def rounded(length: int) -> int:
    """The next multiple: 1 -> 8, 8 -> 8, 9 -> 16."""
    return -(-length // ROUNDING) * ROUNDING


def roomy(length: int) -> int:
    """Room to grow, in steps of 16: 1 -> 8, 9 -> 24, 25 -> 40.

    Always an odd number of eights: were it a multiple of 32, each row's positions would
    begin at the same place of a 4 kB page, and rows push each other out of the cache.
    """
    return rounded(length) | ROUNDING


def visible(lengths: npt.NDArray[np.int64], size: int) -> Bools:
    """True at the first `lengths` positions: (R,) -> (R, size)."""
    return np.arange(size) < lengths[:, None]


class DecoderState:
    """Newest tokens, lengths, and the caches of all layers.

    The sentence at place i has rows i * k to i * k + k - 1, all of one length.
    """

    def __init__(
        self,
        binder: CacheBinder,
        storage: Storage,
        max_rows: int,
        beam_size: int = 1,
        source_copies: int = 1,
    ) -> None:
        """`source_copies` says how often a source is stored: once, or for each row,
        where the graph wants it so."""
        self._binder = binder
        self._k = beam_size
        self._copies = source_copies
        places = max_rows // beam_size
        self._cross = storage.zeros(places * source_copies, ROUNDING)  # the sources
        self._past = storage.zeros(max_rows, ROUNDING)  # the targets so far
        self._num_places = 0
        self.target_ids = np.zeros(max_rows, np.int64)
        """The newest token of each row, to be written by whoever chose it."""
        self._target_lengths = np.zeros(places, np.int64)
        self._source_lengths = np.zeros(places, np.int64)
        self._target_visible = np.zeros(max_rows * ROUNDING, np.bool_)
        self._source_visible = np.zeros(places * source_copies * ROUNDING, np.bool_)
        self._sources_changed = False
        self._bound: tuple[int, ...] = ()

    @property
    def num_rows(self) -> int:
        """Live rows; they stand in front."""
        return self._num_places * self._k

    @property
    def sizes(self) -> tuple[int, int]:
        """(S, C) as allocated."""
        return self._cross.length, self._past.length

    def join(self, cross: Block, source_lengths: Sequence[int], begin_id: int) -> None:
        """New sentences behind the last one.

        `cross` holds their cross-attention keys and values, as the encoder made them.
        """
        first, last = self._num_places, self._num_places + len(source_lengths)
        self._source_lengths[first:last] = source_lengths
        self._target_lengths[first:last] = 0
        self.target_ids[first * self._k : last * self._k] = begin_id
        longest = int(self._source_lengths[:last].max())
        needed = int(self._target_lengths[:last].max()) + 1
        longest = rounded(max(cross.length, longest))
        self._fit(self._cross, longest, first * self._copies)
        self._fit(self._past, roomy(needed), first * self._k)
        self._cross.put(first * self._copies, cross, self._copies)
        self._past.reserve(last * self._k)
        self._num_places = last
        self._sources_changed = True

    def branch(self, parents: Ints) -> None:
        """Row r goes on from what row parents[r] was: (R,).

        A row whose parent is another must be nobody's parent.
        """
        (moved,) = np.nonzero(parents != np.arange(self.num_rows))
        if len(moved):
            copies = list(zip(parents[moved].tolist(), moved.tolist(), strict=True))
            written = self._target_lengths[moved // self._k].tolist()
            self._past.copy(copies, self.num_rows, written)

    def move(self, moves: Sequence[tuple[int, int]], num_places: int) -> None:
        """Sentences from place to place, in order; the first `num_places` live on."""
        for lengths in (self._target_lengths, self._source_lengths):
            for source, place in moves:
                lengths[place] = lengths[source]
        self._num_places = num_places
        self._sources_changed = True
        rows = _rows_of(moves, self._k)
        for source, row in rows:
            self.target_ids[row] = self.target_ids[source]
        if not moves:
            return
        places = [place for _, place in moves]
        written = self._target_lengths[places].repeat(self._k)
        self._past.copy(rows, self.num_rows, written.tolist())
        read = self._source_lengths[places].repeat(self._copies)
        copies = _rows_of(moves, self._copies)
        self._cross.copy(copies, num_places * self._copies, read.tolist())

    def feed(self, binding: ort.IOBinding) -> bool:
        """Prepares the inputs of one step, and the caches in place.

        Each row's newest token counts as written from here on. True if the number of
        rows may have changed, and what else is bound must be bound again.
        """
        lengths = self._target_lengths[: self._num_places]
        lengths += 1
        needed = int(lengths.max())
        if needed > self._past.length:
            self._past.resize(roomy(needed), self.num_rows)
        moved = self._bind_if_moved(binding)
        self._look(self._target_visible, lengths, self._k, self._past.length)
        if self._sources_changed:
            lengths = self._source_lengths[: self._num_places]
            size = self._cross.length
            self._look(self._source_visible, lengths, self._copies, size)
            self._sources_changed = False
        return moved

    def _bind_if_moved(self, binding: ort.IOBinding) -> bool:
        """Binds only what has moved: at 2 µs each, caches are many.

        Under load who leaves is replaced at once, so that mostly nothing has.
        """
        cross, past, rows = self._cross, self._past, self.num_rows
        sources = self._num_places * self._copies
        at = (rows, *self.sizes, *map(cross.pointer, (0, 1)))
        at += tuple(map(past.pointer, (0, 1)))
        if at == self._bound:
            return False
        self._target_visible = _grown(self._target_visible, rows * past.length)
        self._source_visible = _grown(self._source_visible, sources * cross.length)
        for name, seen, num_rows, size in (
            ("target_visible", self._target_visible, rows, past.length),
            ("source_visible", self._source_visible, sources, cross.length),
        ):
            here = seen[: num_rows * size].reshape(num_rows, size)
            bind_array_input(binding, name, here)
        bind_array_input(binding, "target_ids", self.target_ids[:rows])
        self._binder.inputs(binding, "cross", cross, sources)
        self._binder.inputs(binding, "past", past, rows)
        self._binder.outputs(binding, "present", past, rows)
        self._bound = at
        self._sources_changed = True
        return True

    def _look(
        self, seen: Bools, lengths: npt.NDArray[np.int64], rows: int, size: int
    ) -> None:
        """Writes True at the first positions of each place's rows, in place."""
        shape = len(lengths), rows, size
        seen = seen[: len(lengths) * rows * size].reshape(shape)
        np.less(np.arange(size), lengths[:, None, None], out=seen)

    def _fit(self, block: Block, needed: int, num_rows: int) -> None:
        """Room for `needed` positions, and not for twice as many for ever."""
        if needed > block.length or 2 * needed <= block.length:
            block.resize(needed, num_rows)


def _grown(memory: Bools, size: int) -> Bools:
    return memory if len(memory) >= size else np.zeros(2 * size, np.bool_)


def _rows_of(moves: Sequence[tuple[int, int]], rows: int) -> list[tuple[int, int]]:
    """The moves of single rows, where each place has so many."""
    return [
        (source * rows + i, place * rows + i)
        for source, place in moves
        for i in range(rows)
    ]
