"""Obeys the scheduler's steps with onnxruntime.

Encoder once per sentence, decoder one token per row, then the searches choose. All of
it runs in one engine's thread; session.run leaves the interpreter to the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from onnxlate.bundle import Bundle, Manifest, ModelInfo
from onnxlate.candidates import LogProbs
from onnxlate.search import Searches

from .bell import Bell
from .binding import CacheBinder
from .block import HostStorage, Storage
from .decoder import Decoder, NativeDecoder, OrtDecoder
from .decoder_state import DecoderState, roomy, spacious
from .encoder import (
    MAX_DEVICE_TOKENS,
    MAX_RUN_TOKENS,
    Encoder,
    NativeReader,
    OrtReader,
    Reader,
)
from .group import Group
from .piece import Piece
from .screen import Screen
from .sessions import Sessions
from .step import Step

if TYPE_CHECKING:
    from .device_decoder import Pick


class OnnxRunner:
    """A bundle's two graphs, and the sentences that are being decoded."""

    def __init__(
        self,
        bundle: Bundle,
        sessions: Sessions,
        max_rows: int,
        storage: Storage | None = None,
        bell: Bell | None = None,
    ) -> None:
        """`storage` says where caches live; by default where the sessions run. With a
        `bell` that rings when somebody comes or goes, one step may become several."""
        manifest = bundle.manifest
        self._ids = manifest.special_ids
        self._manifest = manifest
        dtype = {each.name: each.dtype for each in manifest.encoder.outputs}
        caches = np.dtype(dtype["cross_keys_0"])
        self._sessions = sessions
        self._max_rows = max_rows
        self._bell = bell
        self._binder = CacheBinder(manifest.model, caches)
        self._storage = storage or _storage(manifest.model, caches, sessions)
        self._native = sessions.native
        self._team = (
            self._native.library.team(sessions.threads - 1) if self._native else None
        )
        self._encoder = Encoder(manifest.limits, self._reader(), self._storage)
        # One for all groups, which come and go: to open its session takes a while.
        self._log_probs: LogProbs = (
            self._native.library
            if self._native
            else _log_probs(max_rows, manifest.model.target_vocabulary)
        )
        self._pick = (
            _pick(self._storage.device, manifest, max_rows)
            if self._storage.device
            else None
        )
        self._rank = self._native.library.ranked if self._native else None
        self._screen = (
            Screen(sessions.generator, max_rows, sessions.generator_bias)
            if sessions.generator is not None and not self._native
            else None
        )
        axes = {each.name: each.axes for each in manifest.decoder.inputs}
        self._shares_sources = axes["cross_keys_0"][0] == "sentences"
        self.reset()

    @property
    def num_rows(self) -> int:
        """Rows that the last step left in use."""
        return sum(group.num_rows for group in self._groups.values())

    def reset(self) -> None:
        """Forgets every sentence and frees all rows."""
        self._groups: dict[int, Group] = {}  # by beam size

    def run(self, step: Step) -> list[Piece]:
        self._drop_all_but(step)
        for beam_size in sorted({each.num_rows for each in step.encode}):
            group = self._group(beam_size)
            theirs = [each for each in step.encode if each.num_rows == beam_size]
            for batch in self._encoder.batches(theirs):
                group.join(batch, self._encoder, self._ids.bos)
        groups = [group for group in self._groups.values() if group]
        bell = self._bell if len(groups) == 1 and not step.hurried else None
        return [piece for group in groups for piece in group.step(bell)]

    def _drop_all_but(self, step: Step) -> None:
        """Frees the rows of those who were cancelled since the last step.

        And forgets groups that nobody is in, with the memory they have.
        """
        num_ours = sum(map(len, self._groups.values()))
        if num_ours + len(step.encode) != len(step.decode):
            staying = set(step.decode)
            for group in self._groups.values():
                group.drop_all_but(staying)
        for beam_size in [size for size, group in self._groups.items() if not group]:
            if len(self._groups) > 1:
                del self._groups[beam_size]

    def _group(self, beam_size: int) -> Group:
        if beam_size not in self._groups:
            state = DecoderState(
                self._binder,
                self._storage,
                self._max_rows,
                beam_size,
                source_copies=1 if self._shares_sources else beam_size,
                room_for=spacious if self._native else roomy,
            )
            searches = Searches(beam_size, self._ids.eos, self._log_probs, self._rank)
            decoder = self._decoder(greedy=beam_size == 1)
            self._groups[beam_size] = Group(searches, state, decoder)
        return self._groups[beam_size]

    def _reader(self) -> Reader:
        if self._native:
            return NativeReader(self._native.encoder, self._manifest.model, self._team)
        on_cpu = self._sessions.device == "cpu"
        return OrtReader(
            *(self._sessions.encoder, self._binder, self._ids.pad),
            self._manifest.limits.max_source_tokens,
            MAX_RUN_TOKENS if on_cpu else MAX_DEVICE_TOKENS,
        )

    def _decoder(self, greedy: bool) -> Decoder:
        sessions, rows = self._sessions, self._max_rows
        if self._native:
            generator = sessions.generator if greedy else None
            return NativeDecoder(
                *(self._native, self._manifest, rows),
                *(generator, sessions.generator_bias, self._team),
            )
        if self._pick:
            from .device_decoder import DeviceDecoder

            return DeviceDecoder(sessions.decoder, rows, self._pick)
        screen = self._screen if greedy else None
        return OrtDecoder(sessions.decoder, rows, screen)


# What is imported only below imports onnxruntime.


def _storage(model: ModelInfo, dtype: npt.DTypeLike, sessions: Sessions) -> Storage:
    if sessions.device == "cpu":
        return HostStorage(model, dtype, sessions.native)
    from .device_block import DeviceStorage, RowGraphs

    return DeviceStorage(model, dtype, RowGraphs(sessions.device))


def _pick(device: str, manifest: Manifest, max_rows: int) -> Pick:
    from .device_decoder import Pick

    vocabulary = manifest.model.target_vocabulary
    return Pick(device, manifest.special_ids.eos, max_rows, vocabulary)


def _log_probs(max_rows: int, vocabulary: int) -> LogProbs:
    from .log_probs import OrtLogProbs

    return OrtLogProbs(max_rows, vocabulary)
