"""What the decoder remembers of sentences of one beam size between two tokens.

Axes: P places (sentences), k rows of each, R = P * k rows, S source positions, C
capacity for target positions; both sizes are shared by all and rounded up, so that
they change seldom.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from onnxlate.search import Ints

from .binding import CacheBinder, bind_array_input
from .bindings import Addresses
from .block import Block, Storage, whereabouts
from .mask import Mask
from .native.library import Batch

if TYPE_CHECKING:
    import onnxruntime as ort

ROUNDING = 8
"""Sizes are multiples of this, so that padding leaves every bit of the logits as it is
(onnxruntime 1.32, AVX2 and AVX-512; with others the last digits differ), which is what
makes a translation independent of its neighbours."""


def rounded(length: int) -> int:
    """The next multiple: 1 -> 8, 8 -> 8, 9 -> 16."""
    return -(-length // ROUNDING) * ROUNDING


LEAST_ROOM = 56
"""Target positions that there is room for at least. What is not written costs nothing,
and to make more room moves every row."""

MOST_SPARE = 4
"""Times what is needed: memory that is larger has seen a crowd of long sentences, which
are gone, and is given back."""

MOST_IN_VAIN = 32
"""Sentences in a row that twice the room is kept for which all need; then it is given
back. Where long ones come now and then, all would else be moved with each."""


def roomy(length: int) -> int:
    """Room to grow, in steps of 16: 1 -> 56, 57 -> 72, 73 -> 88.

    Always an odd number of eights: were it a multiple of 32, each row's positions would
    begin at the same place of a 4 kB page, and rows push each other out of the cache.
    """
    return max(LEAST_ROOM, rounded(length) | ROUNDING)


def spacious(length: int) -> int:
    """As `roomy`, but twice as much when it is short: 1 -> 56, 57 -> 120, 121 -> 248.

    For those who look at what is written alone, so that room costs nothing.
    """
    room = LEAST_ROOM
    while room < length:
        room = 2 * room + ROUNDING
    return room


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
        room_for: Callable[[int], int] = roomy,
    ) -> None:
        """`source_copies` says how often a source is stored: once, or for each row,
        where the graph wants it so; `room_for` how much room targets of a length
        get."""
        self._binder = binder
        self._k = beam_size
        self._max_rows = max_rows
        self._copies = source_copies
        self._room_for = room_for
        places = max_rows // beam_size
        self._cross = storage.zeros(max_rows, ROUNDING)  # the sources
        self._past = storage.zeros(max_rows, ROUNDING)  # the targets so far
        self._in_vain = {self._cross: 0, self._past: 0}
        self._num_places = 0
        self.target_ids = np.zeros(max_rows, np.int64)
        """The newest token of each row, to be written by whoever chose it."""
        self._target_lengths = np.zeros(places, np.int64)
        self._source_lengths = np.zeros(places, np.int64)
        self._addresses = (
            int(self.target_ids.ctypes.data),
            int(self._target_lengths.ctypes.data),
            int(self._source_lengths.ctypes.data),
        )
        self._target_visible = Mask()
        self._source_visible = Mask()
        self._sources_changed = False

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
        _, first = self.welcome(source_lengths, begin_id, cross.length)
        self._cross.put(first * self._copies, cross, self._copies)

    def welcome(
        self, source_lengths: Sequence[int], begin_id: int, least: int = 0
    ) -> tuple[Block, int]:
        """The same, but their keys and values are yet to be written: where to, and from
        which place on; with room for `least` positions."""
        first, last = self._num_places, self._num_places + len(source_lengths)
        self._source_lengths[first:last] = source_lengths
        self._target_lengths[first:last] = 0
        self.target_ids[first * self._k : last * self._k] = begin_id
        longest, needed = max(source_lengths), 1
        if first:
            longest = max(longest, *self._source_lengths[:first].tolist())
            needed += max(self._target_lengths[:first].tolist())
        longest = rounded(max(least, longest))
        new = last - first
        self._fit(self._cross, longest, first * self._copies, new)
        self._fit(self._past, self._room_for(needed), first * self._k, new)
        self._past.reserve(last * self._k)
        self._num_places = last
        self._sources_changed = True
        return self._cross, first

    def branch(self, parents: Ints) -> None:
        """Row r goes on from what row parents[r] was: (R,).

        A row whose parent is another must be nobody's parent.
        """
        if self._k == 1:
            return  # nobody branches
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

    def advance(self) -> None:
        """Each row's newest token counts as written from here on; makes room for it."""
        lengths = self._target_lengths[: self._num_places]
        lengths += 1
        needed = max(lengths.tolist())  # of a few numbers, sooner than numpy's
        if needed > self._past.length:
            self._past.resize(self._room_for(needed), self.num_rows)

    def room(self, most: int) -> int:
        """Steps that there is room for, the one that `advance` prepared included, as
        long as no target is longer than `most` tokens; that one at least."""
        longest: int = max(self._target_lengths[: self._num_places].tolist())
        return max(1, 1 + min(self._past.length, most) - longest)

    def masked(self) -> Addresses:
        """Prepares the masks of a step; what `bind` would bind, as a value."""
        lengths = self._target_lengths[: self._num_places]
        self._target_visible.see(lengths, self._k, self._past.length)
        if self._sources_changed:
            lengths = self._source_lengths[: self._num_places]
            self._source_visible.see(lengths, self._copies, self._cross.length)
            self._sources_changed = False
        return (
            *(self._num_places, *self.sizes),
            # Two entries of each: where it begins, and how far they are apart.
            *map(self._cross.pointer, (0, 1)),
            *map(self._past.pointer, (0, 1)),
            *(self._target_visible.address, self._source_visible.address),
        )

    def fill(self, batch: Batch) -> None:
        """Says where everything stands, for programs."""
        batch.rows, batch.sentences = self.num_rows, self._num_places
        batch.ids, batch.target_lengths, batch.source_lengths = self._addresses
        batch.cross, batch.cross_stride, batch.cross_room = whereabouts(self._cross)
        batch.past, batch.past_stride, batch.past_room = whereabouts(self._past)

    def bind_inputs(self, binding: ort.IOBinding) -> None:
        """Binds what is in main memory wherever the caches are."""
        bind_array_input(binding, "target_visible", self._target_visible.array)
        bind_array_input(binding, "source_visible", self._source_visible.array)
        bind_array_input(binding, "target_ids", self.target_ids[: self.num_rows])

    def bind(self, binding: ort.IOBinding) -> None:
        """Binds the caches, in place."""
        rows, sources = self.num_rows, self._num_places * self._copies
        self._binder.inputs(binding, "cross", self._cross, sources)
        self._binder.inputs(binding, "past", self._past, rows)
        self._binder.outputs(binding, "present", self._past, rows)

    def _fit(self, block: Block, size: int, num_rows: int, new: int) -> None:
        """Room for `size` positions, and not for twice as many for ever; so many `new`
        sentences will have it."""
        if num_rows == 0:
            if block.spare_length > MOST_SPARE * max(size, LEAST_ROOM):
                block.release()
            block.lay_out(self._max_rows, size)
            self._in_vain[block] = 0
            return
        self._in_vain[block] += new
        if 2 * size > block.length:
            self._in_vain[block] = 0
        if size > block.length or self._in_vain[block] > MOST_IN_VAIN:
            block.resize(size, num_rows)
            self._in_vain[block] = 0


def _rows_of(moves: Sequence[tuple[int, int]], rows: int) -> list[tuple[int, int]]:
    """The moves of single rows, where each place has so many."""
    return [
        (source * rows + i, place * rows + i)
        for source, place in moves
        for i in range(rows)
    ]
