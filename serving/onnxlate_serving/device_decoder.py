"""Runs one step of a decoder on a device, where its scores stay.

A row has tens of thousands of them, a batch hundreds of rows: to fetch them and look at
them one by one would take ten times as long as to make them. The device picks the few
that a search looks at, and those alone come into main memory.

Axes: R rows, V vocabulary, C candidates.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import onnxruntime as ort

from onnxlate.candidates import along
from onnxlate.search import Best, Floats, Ints, Wanted

from .binding import bind_array_input
from .bindings import Bindings
from .decoder import OrtDecoder
from .decoder_state import DecoderState
from .device_block import open_graph
from .native.library import NO_NUMBER


class DeviceDecoder(OrtDecoder):
    """As any in onnxruntime, for those who have rules; else the choice is made where
    the scores are."""

    def __init__(
        self, session: ort.InferenceSession, max_rows: int, pick: "Pick"
    ) -> None:
        super().__init__(session, max_rows, screen=None)
        self._near = Bindings(session)
        self._pick = pick

    def best(self, state: DecoderState, wanted: Wanted) -> Best | None:
        def bind(binding: ort.IOBinding) -> None:
            state.bind(binding)
            self._pick.bind(binding.bind_output, state.num_rows)

        self._near.run(state.masked(), bind, state.bind_inputs)
        return self._pick.best(state.num_rows, wanted)


class Pick:
    """The scores of a step on one device, and the graphs that find the best of each
    row; one for all groups, which come and go: to open its sessions takes a while."""

    def __init__(self, device: str, end: int, max_rows: int, vocabulary: int) -> None:
        self._device = device
        self._end = np.array([end])
        self._shape = max_rows, vocabulary
        self._sessions: dict[str, ort.InferenceSession] = {}

    @cached_property
    def scores(self) -> ort.OrtValue:
        """Made when first needed: who has rules all the time needs none."""
        return ort.OrtValue.ortvalue_from_shape_and_type(
            self._shape, np.float32, self._device, 0
        )

    def bind(self, bind: Callable[..., None], num_rows: int) -> None:
        """Binds so many rows of `scores` as "logits"."""
        shape, address = (num_rows, self._shape[1]), self.scores.data_ptr()
        bind("logits", self._device, 0, np.float32, shape, address)

    def best(self, num_rows: int, wanted: Wanted) -> Best:
        """Of the first R rows of `scores`; raises FloatingPointError."""
        barred = wanted.barred
        session = self._session(wanted.with_scores, barred is not None)
        binding = session.io_binding()
        self.bind(binding.bind_input, num_rows)
        # One more, so that of two that are equal the smaller is known.
        width = np.array([min(wanted.width + 1, self._shape[1])])
        bind_array_input(binding, "width", width)
        if barred is not None:
            bind_array_input(binding, "barred", barred[:, None])
            bind_array_input(binding, "end", self._end)
        for each in session.get_outputs():
            binding.bind_output(each.name, "cpu")
        session.run_with_iobinding(binding)
        tokens, highest, first, *log_probs = (
            each.numpy() for each in binding.get_outputs()
        )
        if np.isnan(first).any():
            raise FloatingPointError(NO_NUMBER)
        tokens, scores = in_order(tokens, highest, *log_probs)
        return Best(tokens[:, : wanted.width], scores[:, : wanted.width])

    def _session(self, scored: bool, barred: bool) -> ort.InferenceSession:
        name = "best" + "_scored" * scored + "_barred" * barred
        if name not in self._sessions:
            self._sessions[name] = open_graph(name, self._device)
        return self._sessions[name]


def in_order(
    tokens: Ints, highest: Floats, log_probs: Floats | None = None
) -> tuple[Ints, Floats]:
    """The smaller token first where logits are equal, which no device promises, and
    log-probabilities, or logits, in that order: (R, C) all, best first."""
    scores = highest if log_probs is None else log_probs
    if not (highest[:, 1:] == highest[:, :-1]).any():
        return tokens, scores
    order = np.lexsort((tokens, -highest), axis=1)
    return along(tokens, order), along(scores, order)
