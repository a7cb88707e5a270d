"""Reads sources: what the decoder's cross-attention looks at, once per sentence."""

from collections.abc import Iterator, Sequence

import numpy as np
import onnxruntime as ort

from onnxlate.bundle import Manifest

from .binding import CacheBinder, bind_array_input
from .bindings import Bindings
from .block import Block, Storage
from .decoder_state import ROUNDING, rounded
from .mask import Mask
from .request import Request

MAX_STRETCH = 2
"""Sources that share a run of the encoder are padded to at most this many times their
own length. A run by itself costs about as much as reading twenty words."""

MAX_RUN_TOKENS = 1024
"""Source tokens of a run, padding included; more need more memory, a wide model's
hundreds of megabytes, and are read no faster."""


class Encoder:
    """One session, and memory for what goes in and comes out."""

    def __init__(
        self,
        manifest: Manifest,
        session: ort.InferenceSession,
        binder: CacheBinder,
        storage: Storage,
    ) -> None:
        self._pad_id = manifest.special_ids.pad
        self._max_source = manifest.limits.max_source_tokens
        self._bindings = Bindings(session)
        self._binder = binder
        self._visible = Mask()
        self._memory = np.zeros(0, np.int64)
        self._address = 0
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
        lengths = np.array([len(each.source_ids) for each in requests])
        size = min(rounded(int(lengths.max())), self._max_source)
        self._visible.see(lengths, 1, size)
        source_ids = self._room(len(requests) * size).reshape(-1, size)
        source_ids.fill(self._pad_id)
        for row, request in zip(source_ids, requests, strict=True):
            row[: len(request.source_ids)] = request.source_ids
        cross = self._cross
        cross.lay_out(len(requests), size)

        def bind(binding: ort.IOBinding) -> None:
            bind_array_input(binding, "source_ids", source_ids)
            bind_array_input(binding, "source_visible", self._visible.array)
            self._binder.outputs(binding, "cross", cross, len(requests))

        addresses = (
            *(len(requests), size, cross.pointer(0)),
            *(self._address, self._visible.address),
        )
        self._bindings.run(addresses, bind)
        return cross

    def _room(self, size: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        if size > len(self._memory):
            self._memory = np.zeros(2 * size, np.int64)
            self._address = int(self._memory.ctypes.data)
        return self._memory[:size]
