"""Runs one step of a decoder on a device, where its scores stay.

A row has tens of thousands of them, a batch hundreds of rows: to fetch them and look at
them one by one would take ten times as long as to make them. The device picks the few
that a search looks at, and those alone come into main memory.

Axes: R rows, V vocabulary, C candidates.
"""

import numpy as np
import onnxruntime as ort

from onnxlate.search import Best, Floats, Ints, Wanted

from .binding import bind_array_input
from .bindings import Bindings
from .decoder import NO_NUMBER, OrtDecoder
from .decoder_state import DecoderState
from .device_block import open_graph


class DeviceDecoder(OrtDecoder):
    """As any in onnxruntime, for those who have rules; else the choice is made where
    the scores are."""

    def __init__(
        self, session: ort.InferenceSession, max_rows: int, device: str, end: int
    ) -> None:
        super().__init__(session, max_rows, screen=None)
        self._device = device
        self._near = Bindings(session)
        self._pick = Pick(device, end)
        self._scores: ort.OrtValue | None = None
        self._shape = max_rows, int(session.get_outputs()[0].shape[1])

    def best(self, state: DecoderState, wanted: Wanted) -> Best | None:
        scores = self._room()

        def bind(binding: ort.IOBinding) -> None:
            state.bind(binding)
            shape = state.num_rows, self._shape[1]
            address = scores.data_ptr()
            binding.bind_output("logits", self._device, 0, np.float32, shape, address)

        self._near.run(state.masked(), bind, state.bind_inputs)
        return self._pick.best(scores, (state.num_rows, self._shape[1]), wanted)

    def _room(self) -> ort.OrtValue:
        """Made when it is first needed: who has rules all the time needs none."""
        if self._scores is None:
            self._scores = ort.OrtValue.ortvalue_from_shape_and_type(
                self._shape, np.float32, self._device, 0
            )
        return self._scores


class Pick:
    """The graphs that find the best of each row, on one device."""

    def __init__(self, device: str, end: int) -> None:
        self._device = device
        self._end = np.array([end])
        self._sessions: dict[str, ort.InferenceSession] = {}

    def best(
        self, scores: ort.OrtValue, shape: tuple[int, int], wanted: Wanted
    ) -> Best:
        """Of the first R rows of `scores`; raises FloatingPointError."""
        barred = wanted.barred
        session = self._session(wanted.with_scores, barred is not None)
        binding = session.io_binding()
        binding.bind_input(
            "logits", self._device, 0, np.float32, shape, scores.data_ptr()
        )
        # One more, so that of two that are equal the smaller is known.
        width = np.array([min(wanted.width + 1, shape[1])])
        bind_array_input(binding, "width", width)
        if barred is not None:
            bind_array_input(binding, "barred", barred[:, None])
            bind_array_input(binding, "end", self._end)
        for name in ("scores", "tokens", "first"):
            binding.bind_output(name, "cpu")
        session.run_with_iobinding(binding)
        found, tokens, first = (each.numpy() for each in binding.get_outputs())
        if np.isnan(first).any():
            raise FloatingPointError(NO_NUMBER)
        tokens, found = in_order(tokens, found)
        return Best(tokens[:, : wanted.width], found[:, : wanted.width])

    def _session(self, scored: bool, barred: bool) -> ort.InferenceSession:
        name = "best" + "_scored" * scored + "_barred" * barred
        if name not in self._sessions:
            self._sessions[name] = open_graph(name, self._device)
        return self._sessions[name]


def in_order(tokens: Ints, scores: Floats) -> tuple[Ints, Floats]:
    """The smaller token first where scores are equal, which no device promises: (R, C)
    both, best first."""
    tied = (scores[:, 1:] == scores[:, :-1]).any(axis=1)
    if not tied.any():
        return tokens, scores
    order = np.lexsort((tokens, -scores), axis=1)
    rows = np.arange(len(tokens))[:, None]
    return tokens[rows, order], scores[rows, order]
