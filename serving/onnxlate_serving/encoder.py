"""Reads sources: what the decoder's cross-attention looks at, once per sentence."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import numpy as np

from onnxlate.bundle import Limits, ModelInfo

from .binding import CacheBinder, bind_array_input
from .bindings import Bindings
from .block import Block, Storage, whereabouts
from .decoder_state import ROUNDING, rounded
from .mask import Mask
from .native.library import Team
from .native.program import Memory, Program
from .request import Request

if TYPE_CHECKING:
    import onnxruntime as ort

MAX_STRETCH = 2
"""Sources that share a run of the encoder are padded to at most this many times their
own length. A run by itself costs about as much as reading twenty words."""

MAX_RUN_TOKENS = 1024
"""Source tokens of a run in onnxruntime, padding included; more need more memory, a
wide model's hundreds of megabytes, and are read no faster."""

MAX_DEVICE_TOKENS = 16 * 1024
"""The same of a GPU, which is idle with few."""

MAX_NATIVE_TOKENS = 256
"""The same of a program, which pads nothing: a sentence takes as long in a run of 1,024
tokens (docs/speed.md), and four times the memory."""

FEW_TOKENS = 64
"""Of a run that is shared among threads, where there are several: a lone sentence."""

FLOAT_BYTES = 4
"""Of a number that a program keeps."""


class Reader(Protocol):
    """Runs the encoder's graph."""

    in_place: bool
    """Whether it writes into any rows of a block that has room for more."""

    def shares(self, batch: Sequence[Request], longer: Request) -> bool:
        """Whether a source goes into one run with others, none of which is longer."""

    def read(
        self, sources: Sequence[Sequence[int]], cross: Block, first_row: int = 0
    ) -> None:
        """Keys and values of each source, into its row of a block; what stands behind a
        source's end may be anything but NaN. Where it is not `in_place`, the block has
        just these rows, and no more room than the longest needs."""


class OrtReader:
    """One session, and memory for what goes in."""

    in_place = False

    def __init__(
        self,
        session: ort.InferenceSession,
        binder: CacheBinder,
        pad_id: int,
        max_source: int,
        run_tokens: int = MAX_RUN_TOKENS,
    ) -> None:
        self._pad_id = pad_id
        self._run_tokens = run_tokens
        # The longest sources of all may leave no room for padding to a multiple.
        self._whole = max_source - max_source % ROUNDING
        self._bindings = Bindings(session)
        self._binder = binder
        self._visible = Mask()
        self._memory = np.zeros(0, np.int64)
        self._address = 0

    def shares(self, batch: Sequence[Request], longer: Request) -> bool:
        """Of about one length."""
        length, shortest = len(longer.source_ids), rounded(len(batch[0].source_ids))
        alone = len(batch[-1].source_ids) <= self._whole < length
        many = (len(batch) + 1) * rounded(length) > self._run_tokens
        return not (alone or many or length > MAX_STRETCH * shortest)

    def read(
        self, sources: Sequence[Sequence[int]], cross: Block, first_row: int = 0
    ) -> None:
        size = cross.length
        self._visible.see(np.array([len(each) for each in sources]), 1, size)
        source_ids = self._room(len(sources) * size).reshape(-1, size)
        source_ids.fill(self._pad_id)
        for row, ids in zip(source_ids, sources, strict=True):
            row[: len(ids)] = ids

        def bind(binding: ort.IOBinding) -> None:
            self._binder.outputs(binding, "cross", cross, len(sources))

        def bind_inputs(binding: ort.IOBinding) -> None:
            bind_array_input(binding, "source_ids", source_ids)
            bind_array_input(binding, "source_visible", self._visible.array)

        addresses = (
            *(len(sources), size, cross.pointer(0)),
            *(self._address, self._visible.address),
        )
        self._bindings.run(addresses, bind, bind_inputs)

    def _room(self, size: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        if size > len(self._memory):
            self._memory = np.zeros(2 * size, np.int64)
            self._address = int(self._memory.ctypes.data)
        return self._memory[:size]


class NativeReader:
    """One program's memory; nothing is padded."""

    in_place = True

    def __init__(
        self, program: Program, model: ModelInfo, team: Team | None = None
    ) -> None:
        self._ops = program.plain
        self._memory = Memory(program, model, team, FEW_TOKENS)
        self._position_bytes = model.heads * model.head_width * FLOAT_BYTES

    def shares(self, batch: Sequence[Request], longer: Request) -> bool:
        tokens = sum(len(each.source_ids) for each in (*batch, longer))
        return tokens <= MAX_NATIVE_TOKENS

    def read(
        self, sources: Sequence[Sequence[int]], cross: Block, first_row: int = 0
    ) -> None:
        # Of arrays of this kind the address is known at once, of numpy's after 2 µs.
        lengths = array("q", map(len, sources))
        if max(lengths) > cross.length:
            raise ValueError(f"{max(lengths)} tokens, and room for {cross.length}")
        ids = array("q", chain.from_iterable(sources))
        batch = self._memory.batch
        batch.rows, batch.sentences = len(ids), len(sources)
        batch.ids, _ = ids.buffer_info()
        batch.source_lengths, _ = lengths.buffer_info()
        batch.cross, batch.cross_stride, batch.cross_room = whereabouts(cross)
        batch.cross += first_row * cross.length * self._position_bytes
        self._memory.run(self._ops)


class Encoder:
    """Decides who shares a run."""

    def __init__(self, limits: Limits, reader: Reader, storage: Storage) -> None:
        self._max_source = limits.max_source_tokens
        self._reader = reader
        self._cross = storage.zeros(0, 0)

    @property
    def reads_in_place(self) -> bool:
        """Whether `read` is to be called, and not `encode`."""
        return self._reader.in_place

    def batches(self, requests: Sequence[Request]) -> list[list[Request]]:
        """Who shares a run; the longest sources come first, so that those who join one
        batch after the other make room only once."""
        batches: list[list[Request]] = []
        for request in sorted(requests, key=lambda each: len(each.source_ids)):
            if batches and self._reader.shares(batches[-1], request):
                batches[-1].append(request)
            else:
                batches.append([request])
        return batches[::-1]

    def read(self, requests: Sequence[Request], cross: Block, first_row: int) -> None:
        """Keys and values of their sources, into rows of a block, from one on."""
        self._reader.read([each.source_ids for each in requests], cross, first_row)

    def encode(self, requests: Sequence[Request]) -> Block:
        """Keys and values of their sources, good until the next call."""
        sources = [each.source_ids for each in requests]
        longest = max(map(len, sources))
        self._cross.lay_out(len(sources), min(rounded(longest), self._max_source))
        self._reader.read(sources, self._cross)
        return self._cross
