"""Reads sources: what the decoder's cross-attention looks at, once per sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
"""Source tokens of a run, padding included; more need more memory, a wide model's
hundreds of megabytes, and are read no faster."""


FEW_TOKENS = 64
"""Of a run that is shared among threads, where there are several: a lone sentence."""


class Reader(Protocol):
    """Runs the encoder's graph."""

    def read(self, sources: Sequence[Sequence[int]], cross: Block) -> None:
        """Keys and values of each source, into its row of a block that is laid out for
        them; what stands behind a source's end may be anything but NaN."""


class OrtReader:
    """One session, and memory for what goes in."""

    def __init__(
        self, session: ort.InferenceSession, binder: CacheBinder, pad_id: int
    ) -> None:
        self._pad_id = pad_id
        self._bindings = Bindings(session)
        self._binder = binder
        self._visible = Mask()
        self._memory = np.zeros(0, np.int64)
        self._address = 0

    def read(self, sources: Sequence[Sequence[int]], cross: Block) -> None:
        size = cross.length
        self._visible.see(np.array([len(each) for each in sources]), 1, size)
        source_ids = self._room(len(sources) * size).reshape(-1, size)
        source_ids.fill(self._pad_id)
        for row, ids in zip(source_ids, sources, strict=True):
            row[: len(ids)] = ids

        def bind(binding: ort.IOBinding) -> None:
            bind_array_input(binding, "source_ids", source_ids)
            bind_array_input(binding, "source_visible", self._visible.array)
            self._binder.outputs(binding, "cross", cross, len(sources))

        addresses = (
            *(len(sources), size, cross.pointer(0)),
            *(self._address, self._visible.address),
        )
        self._bindings.run(addresses, bind)

    def _room(self, size: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        if size > len(self._memory):
            self._memory = np.zeros(2 * size, np.int64)
            self._address = int(self._memory.ctypes.data)
        return self._memory[:size]


class NativeReader:
    """One program's memory; nothing is padded."""

    def __init__(
        self, program: Program, model: ModelInfo, team: Team | None = None
    ) -> None:
        self._ops = program.plain
        self._memory = Memory(program, model, team, FEW_TOKENS)

    def read(self, sources: Sequence[Sequence[int]], cross: Block) -> None:
        lengths = np.array([len(each) for each in sources])
        if lengths.max() > cross.length:
            raise ValueError(f"{lengths.max()} tokens, and room for {cross.length}")
        ids = np.concatenate([np.asarray(each, np.int64) for each in sources])
        batch = self._memory.batch
        batch.rows, batch.sentences = len(ids), len(sources)
        batch.ids, batch.source_lengths = ids.ctypes.data, lengths.ctypes.data
        batch.cross, batch.cross_stride, batch.cross_room = whereabouts(cross)
        self._memory.run(self._ops)


class Encoder:
    """Decides who shares a run."""

    def __init__(self, limits: Limits, reader: Reader, storage: Storage) -> None:
        self._max_source = limits.max_source_tokens
        self._reader = reader
        self._cross = storage.zeros(0, 0)

    def batches(self, requests: Sequence[Request]) -> Iterator[list[Request]]:
        """Who shares a run: sources of about one length."""
        # The longest sources of all may leave no room for padding to a multiple.
        whole = self._max_source - self._max_source % ROUNDING
        batch: list[Request] = []
        for request in sorted(requests, key=lambda each: len(each.source_ids)):
            length = len(request.source_ids)
            if batch:
                shortest = rounded(len(batch[0].source_ids))
                alone = len(batch[-1].source_ids) <= whole < length
                many = (len(batch) + 1) * rounded(length) > MAX_RUN_TOKENS
                if alone or many or length > MAX_STRETCH * shortest:
                    yield batch
                    batch = []
            batch.append(request)
        if batch:
            yield batch

    def encode(self, requests: Sequence[Request]) -> Block:
        """Keys and values of their sources, good until the next call."""
        sources = [each.source_ids for each in requests]
        longest = max(map(len, sources))
        self._cross.lay_out(len(sources), min(rounded(longest), self._max_source))
        self._reader.read(sources, self._cross)
        return self._cross
