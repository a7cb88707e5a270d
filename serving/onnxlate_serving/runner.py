"""Obeys the scheduler's steps with onnxruntime.

Encoder once per sentence, decoder one token per row, then the searches choose. All of
it runs in the engine's thread; session.run leaves the interpreter to the others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from onnxlate.bundle import Bundle
from onnxlate.search import Advance, Floats, Search, select, start

from .binding import CacheBinder, bind_array_input, bind_array_output
from .block import HostStorage, Storage
from .decoder_state import DecoderState, rounded, visible
from .device_block import DeviceStorage, RowGraphs
from .piece import Piece
from .request import Request
from .rows import Rows
from .sessions import Sessions
from .step import Step

SOURCE_ROUNDING = 8
"""Sources are padded to multiples of this in the encoder, where padding costs as much
as words do; see decoder_state.ROUNDING for why it must be 8."""


@dataclass(slots=True)
class Sentence:
    """A request on rows."""

    search: Search
    num_said: int = 0
    """Tokens that pieces have told already."""


class OnnxRunner:
    """A bundle's two graphs, and the rows they work on."""

    def __init__(
        self,
        bundle: Bundle,
        sessions: Sessions,
        max_rows: int,
        storage: Storage | None = None,
    ) -> None:
        """`storage` says where caches live; by default where the sessions run."""
        manifest = bundle.manifest
        self._ids = manifest.special_ids
        self._max_source = manifest.limits.max_source_tokens
        dtype = {each.name: each.dtype for each in manifest.encoder.outputs}
        caches = np.dtype(dtype["cross_keys_0"])
        self._sessions = sessions
        self._encoding = sessions.encoder.io_binding()
        self._decoding = sessions.decoder.io_binding()
        self._max_rows = max_rows
        self._binder = CacheBinder(manifest.model, caches)
        self._storage = storage or (
            HostStorage(manifest.model, caches)
            if sessions.device == "cpu"
            else DeviceStorage(manifest.model, caches, RowGraphs(sessions.device))
        )
        vocabulary = manifest.model.target_vocabulary
        self._logits = np.zeros((max_rows, vocabulary), np.float32)
        self.reset()

    @property
    def num_rows(self) -> int:
        """Rows that the last step left in use."""
        return len(self._rows)

    def reset(self) -> None:
        """Forgets every sentence and frees all rows."""
        self._sentences: dict[Request, Sentence] = {}
        self._rows = Rows()
        self._state = DecoderState(self._binder, self._storage, self._max_rows)

    def run(self, step: Step) -> list[Piece]:
        self._drop_all_but(step.decode)
        for group in self._groups(step.encode):
            self._join(group)
        return self._choose(self._decode())

    def _drop_all_but(self, requests: Iterable[Request]) -> None:
        """Frees the rows of those who were cancelled since the last step."""
        gone = self._sentences.keys() - set(requests)
        if not gone:
            return
        for request in gone:
            del self._sentences[request]
        parents = {each: range(len(self._rows.of(each))) for each in self._sentences}
        self._state.rearrange(self._rows.rearrange(parents), len(self._rows))

    def _groups(self, requests: Sequence[Request]) -> list[list[Request]]:
        """Who may share a run of the encoder without changing each other's answers."""
        # The longest sources of all may leave no room for padding to a multiple.
        whole = self._max_source - self._max_source % SOURCE_ROUNDING
        short = [each for each in requests if len(each.source_ids) <= whole]
        long = [each for each in requests if len(each.source_ids) > whole]
        return [group for group in (short, long) if group]

    def _join(self, requests: Sequence[Request]) -> None:
        lengths = np.array([len(each.source_ids) for each in requests])
        size = min(rounded(int(lengths.max()), SOURCE_ROUNDING), self._max_source)
        source_visible = visible(lengths, size)  # (B, S)
        source_ids = np.full(source_visible.shape, self._ids.pad, np.int64)
        source_ids[source_visible] = np.concatenate([r.source_ids for r in requests])

        cross = self._storage.zeros(len(requests), size)
        bind_array_input(self._encoding, "source_ids", source_ids)
        bind_array_input(self._encoding, "source_visible", source_visible)
        self._binder.outputs(self._encoding, "cross", cross, len(requests))
        self._sessions.encoder.run_with_iobinding(self._encoding)

        self._state.join(cross, lengths.tolist(), self._ids.bos)
        for request in requests:
            self._rows.join(request)
            search = start(request.options, self._ids.eos)
            self._sentences[request] = Sentence(search)

    def _decode(self) -> Floats:
        """One step of the decoder over all rows: logits (R, V)."""
        logits = self._logits[: self._state.num_rows]
        self._state.feed(self._decoding)
        bind_array_output(self._decoding, "logits", logits)
        self._sessions.decoder.run_with_iobinding(self._decoding)
        return logits

    def _choose(self, logits: Floats) -> list[Piece]:
        # In the order of their rows, so that mostly nothing has to be moved.
        requests = sorted(self._sentences, key=lambda each: self._rows.of(each)[0])
        order = [row for request in requests for row in self._rows.of(request)]
        if order != list(range(len(order))):
            logits = logits[order]
        num_rows = [len(self._rows.of(request)) for request in requests]
        searches = [self._sentences[request].search for request in requests]
        advances = dict(zip(requests, select(searches, num_rows, logits), strict=True))
        self._move(advances)
        pieces = [self._piece(request, advances[request]) for request in requests]
        return [each for each in pieces if each.tokens or each.hypotheses]

    def _move(self, advances: dict[Request, Advance]) -> None:
        """Every hypothesis onto a row with its past; finished ones' rows are free."""
        copies = self._rows.rearrange(
            {request: advance.parents for request, advance in advances.items()}
        )
        self._state.rearrange(copies, len(self._rows))
        for request in self._rows:
            rows, tokens = self._rows.of(request), advances[request].tokens
            for row, token in zip(rows, tokens, strict=True):
                self._state.target_ids[row] = token

    def _piece(self, request: Request, advance: Advance) -> Piece:
        sentence = self._sentences[request]
        over = not advance.tokens
        tokens: tuple[int, ...] = ()
        if request.streamed:
            tokens = sentence.search.stable_prefix()[sentence.num_said :]
            sentence.num_said += len(tokens)
        if not over:
            return Piece(request, tokens)
        del self._sentences[request]
        return Piece(request, tokens, tuple(sentence.search.hypotheses()))
