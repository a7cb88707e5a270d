"""Runs one step of a decoder, by onnxruntime or by a program of our own.

Axes: R rows, V vocabulary.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Protocol

import numpy as np

from onnxlate.bundle import Manifest
from onnxlate.search import Floats, Ints, highest

from .bell import Bell
from .binding import bind_array_output
from .bindings import Bindings
from .decoder_state import DecoderState
from .native.library import Ahead, Choice, Op, Team
from .native.program import Memory
from .native.programs import Programs
from .screen import Screen

if TYPE_CHECKING:
    import onnxruntime as ort

MOST_AHEAD = 16
"""Steps of greedy search that are done without looking up from it."""


class Decoder(Protocol):
    """Of one group of sentences."""

    def run(self, state: DecoderState, exact: bool) -> Floats:
        """Scores of what may come next, (R, V), good until the next run; rough ones
        unless they must be exact, where the decoder has both and it pays."""

    def highest(self, logits: Floats) -> Ints:
        """The token with the highest exact score of what `run` gave: (R, V) -> (R,)."""

    def run_ahead(self, state: DecoderState, most: int, bell: Bell) -> Ints | None:
        """Steps of greedy search, until a sentence has ended, the bell rings or `most`
        are done: the tokens of each, (steps, R). None where single steps do as well."""


class OrtDecoder:
    def __init__(
        self, session: ort.InferenceSession, max_rows: int, screen: Screen | None
    ) -> None:
        """`screen` is for a decoder that scores roughly too."""
        self._screen = screen
        self._rough = False
        self._bindings = Bindings(session)
        vocabulary = session.get_outputs()[0].shape[1]
        self._logits = np.zeros((max_rows, vocabulary), np.float32)

    def run(self, state: DecoderState, exact: bool) -> Floats:
        screen = self._screen
        self._rough = not exact and screen is not None and screen.pays(state.num_rows)
        addresses = (self._rough, *state.masked())
        self._bindings.run(addresses, lambda binding: self._bind(binding, state))
        return self._logits[: state.num_rows]

    def highest(self, logits: Floats) -> Ints:
        if self._screen is None:
            return highest(logits)
        return self._screen.highest(logits, self._rough)

    def run_ahead(self, state: DecoderState, most: int, bell: Bell) -> Ints | None:
        return None

    def _bind(self, binding: ort.IOBinding, state: DecoderState) -> None:
        state.bind(binding)
        bind_array_output(binding, "logits", self._logits[: state.num_rows])
        if self._screen:
            self._screen.bind(binding, state.num_rows, self._rough)


class NativeDecoder:
    def __init__(
        self,
        programs: Programs,
        manifest: Manifest,
        max_rows: int,
        generator: Floats | None = None,
        bias: Floats | None = None,
        team: Team | None = None,
    ) -> None:
        """With the `generator` (V, D) of a program that scores roughly too, and its
        `bias` (V,), few of the scores need be exact."""
        model = manifest.model
        self._program, self._library = programs.decoder, programs.library
        self._memory = Memory(programs.decoder, model, team)
        self._logits = np.zeros((max_rows, model.target_vocabulary), np.float32)
        self._error = np.zeros(max_rows, np.float32)
        self._decoded = np.zeros((max_rows, model.width), np.float32)
        self._tokens = np.zeros(MOST_AHEAD * max_rows, np.int64)
        self._generator, self._bias = generator, bias
        addresses = [
            int(each.ctypes.data) for each in (self._logits, self._error, self._decoded)
        ]
        self._choice = Choice(logits=addresses[0], vocabulary=model.target_vocabulary)
        self._outside = addresses[:1]
        if generator is not None:
            self._outside = addresses
            self._choice.error, self._choice.decoded = addresses[1:]
            self._choice.generator = generator.ctypes.data
            self._choice.width = model.width
            if bias is not None:
                self._choice.bias = bias.ctypes.data
        self._ahead = Ahead(
            end=manifest.special_ids.eos, tokens=self._tokens.ctypes.data
        )

    def run(self, state: DecoderState, exact: bool) -> Floats:
        state.fill(self._memory.batch)
        self._memory.run(self._ops(exact), self._outside)
        return self._logits[: state.num_rows]

    def highest(self, logits: Floats) -> Ints:
        return self._library.choose(self._choice, len(logits))

    def run_ahead(self, state: DecoderState, most: int, bell: Bell) -> Ints | None:
        batch, ahead = self._memory.batch, self._ahead
        state.fill(batch)
        ahead.most = min(most, MOST_AHEAD, state.room)
        ahead.ids, ahead.target_lengths = batch.ids, batch.target_lengths
        ahead.stop = bell.address
        steps = self._memory.run_ahead(
            *(self._ops(exact=False), self._outside),
            *(self._choice, ahead),
        )
        return self._tokens[: steps * state.num_rows].reshape(steps, -1)

    def _ops(self, exact: bool) -> ctypes.Array[Op]:
        program = self._program
        if self._generator is None:
            return program.plain
        return program.exact if exact else program.rough
