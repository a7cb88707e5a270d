"""Runs one step of a decoder, by onnxruntime or by a program of our own.

Axes: R rows, V vocabulary.
"""

from typing import Protocol

import numpy as np
import onnxruntime as ort

from onnxlate.bundle import ModelInfo
from onnxlate.search import Floats, Ints, highest

from .binding import bind_array_output
from .bindings import Bindings
from .decoder_state import DecoderState
from .native.library import Team
from .native.program import Memory, Program
from .screen import Screen


class Decoder(Protocol):
    """Of one group of sentences."""

    def run(self, state: DecoderState, exact: bool) -> Floats:
        """Scores of what may come next, (R, V), good until the next run; rough ones
        unless they must be exact, where the decoder has both and it pays."""

    def highest(self, logits: Floats) -> Ints:
        """The token with the highest exact score of what `run` gave: (R, V) -> (R,)."""


class _Screened:
    """Chooses by rough scores and a few exact ones, where there are both."""

    def __init__(self, screen: Screen | None) -> None:
        self._screen = screen
        self._rough = False
        """Whether the last scores are."""

    def highest(self, logits: Floats) -> Ints:
        if self._screen is None:
            return highest(logits)
        return self._screen.highest(logits, self._rough)


class OrtDecoder(_Screened):
    def __init__(
        self, session: ort.InferenceSession, max_rows: int, screen: Screen | None
    ) -> None:
        """`screen` is for a decoder that scores roughly too."""
        super().__init__(screen)
        self._bindings = Bindings(session)
        vocabulary = session.get_outputs()[0].shape[1]
        self._logits = np.zeros((max_rows, vocabulary), np.float32)

    def run(self, state: DecoderState, exact: bool) -> Floats:
        screen = self._screen
        self._rough = not exact and screen is not None and screen.pays(state.num_rows)
        addresses = (self._rough, *state.masked())
        self._bindings.run(addresses, lambda binding: self._bind(binding, state))
        return self._logits[: state.num_rows]

    def _bind(self, binding: ort.IOBinding, state: DecoderState) -> None:
        state.bind(binding)
        bind_array_output(binding, "logits", self._logits[: state.num_rows])
        if self._screen:
            self._screen.bind(binding, state.num_rows, self._rough)


class NativeDecoder(_Screened):
    def __init__(
        self,
        program: Program,
        model: ModelInfo,
        max_rows: int,
        screen: Screen | None,
        team: Team | None = None,
    ) -> None:
        """`screen` is for a program that scores roughly too, which always pays."""
        super().__init__(screen)
        self._program = program
        self._memory = Memory(program, model, team)
        self._logits = np.zeros((max_rows, model.target_vocabulary), np.float32)
        self._outside = [int(self._logits.ctypes.data)]
        if screen:
            self._outside += screen.addresses

    def run(self, state: DecoderState, exact: bool) -> Floats:
        state.fill(self._memory.batch)
        program = self._program
        ops = program.exact if self._screen else program.plain
        self._rough = not exact and self._screen is not None
        self._memory.run(program.rough if self._rough else ops, self._outside)
        return self._logits[: state.num_rows]
