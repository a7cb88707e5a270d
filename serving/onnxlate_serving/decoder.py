"""Runs one step of a decoder, by onnxruntime or by a program of our own.

Axes: R rows, V vocabulary.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from onnxlate.beam import Beams, Ended
from onnxlate.bundle import Manifest
from onnxlate.search import Best, Floats, Ints, Wanted, highest

from .bell import Bell
from .binding import bind_array_output
from .bindings import Bindings
from .config import WIDE
from .decoder_state import DecoderState
from .native.beams import BeamMemory
from .native.library import NO_NUMBER, Ahead, BeamsAhead, Choice, Op, Team
from .native.program import Memory
from .native.programs import Programs
from .screen import Screen

if TYPE_CHECKING:
    import onnxruntime as ort

MOST_AHEAD = 16
"""Steps that are done without looking up from it."""

MOST_NARROW = 64
"""The same of greedy search with a narrow model, as long as there is no news after each
of those stretches: then most sentences are over, and it has taken milliseconds."""

PATIENCE_NS = 2_000_000
"""How long those who have ended or come may wait for the steps to be over. Where a step
takes longer than that, it is the last; where steps are short, several who end or come
are looked after at once."""


class Decoder(Protocol):
    """Of one group of sentences."""

    def run(self, state: DecoderState, exact: bool) -> Floats:
        """Scores of what may come next, (R, V), good until the next run; rough ones
        unless they must be exact, where the decoder has both and it pays.

        May raise FloatingPointError where some are no numbers."""

    def highest(self, logits: Floats) -> Ints:
        """The token with the highest exact score of what `run` gave: (R, V) -> (R,)."""

    def best(self, state: DecoderState, wanted: Wanted) -> Best | None:
        """A step whose scores stay where they are made, and what is wanted of them;
        None, and no step, where `run` does as well. Raises what `run` does."""

    def run_ahead(
        self, state: DecoderState, left: Ints, bell: Bell | None
    ) -> Ints | None:
        """Steps of greedy search, until soon after a sentence has ended or the bell
        rung: the tokens of each, (steps, R). Who is cut after so many as are `left`,
        (R,), ends with that; what follows means nothing. Several only with a bell; None
        where single steps do as well."""

    def run_beams(
        self, state: DecoderState, beams: Beams, most: int, bell: Bell | None
    ) -> tuple[int, Iterable[Ended]] | None:
        """The same of beam search, which writes to `beams` and `state`: how many steps,
        and what ended. Several only with a bell."""


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
        self._bindings.run(
            addresses, lambda binding: self._bind(binding, state), state.bind_inputs
        )
        logits = self._logits[: state.num_rows]
        # It stays in the caches, and masked or not it would spoil all who come to these
        # rows (block.py). Where one score is none, none of its row is.
        if np.isnan(logits[:, 0]).any():
            raise FloatingPointError(NO_NUMBER)
        return logits

    def highest(self, logits: Floats) -> Ints:
        if self._screen is None:
            return highest(logits)
        return self._screen.highest(logits, self._rough)

    def best(self, state: DecoderState, wanted: Wanted) -> Best | None:
        return None

    def run_ahead(
        self, state: DecoderState, left: Ints, bell: Bell | None
    ) -> Ints | None:
        return None

    def run_beams(
        self, state: DecoderState, beams: Beams, most: int, bell: Bell | None
    ) -> tuple[int, Iterable[Ended]] | None:
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
        self._most = MOST_AHEAD if model.width >= WIDE else MOST_NARROW
        self._tokens = np.zeros(self._most * max_rows, np.int64)
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
            end=manifest.special_ids.eos,
            stretch=MOST_AHEAD,
            patience=PATIENCE_NS,
            tokens=self._tokens.ctypes.data,
        )
        self._longest = manifest.limits.max_target_tokens
        self._beams = BeamMemory(max_rows, MOST_AHEAD, 2 * model.decoder_layers)

    def run(self, state: DecoderState, exact: bool) -> Floats:
        state.fill(self._memory.batch)
        self._memory.run(self._ops(exact), self._outside)
        return self._logits[: state.num_rows]

    def highest(self, logits: Floats) -> Ints:
        return self._library.choose(self._choice, len(logits))

    def best(self, state: DecoderState, wanted: Wanted) -> Best | None:
        return None

    def run_ahead(
        self, state: DecoderState, left: Ints, bell: Bell | None
    ) -> Ints | None:
        self._ahead.left = left.ctypes.data
        most = min(self._most, max(left.tolist())) if bell else 1
        steps = self._run_ahead(state, most, bell)
        return self._tokens[: steps * state.num_rows].reshape(steps, -1)

    def run_beams(
        self, state: DecoderState, beams: Beams, most: int, bell: Bell | None
    ) -> tuple[int, Iterable[Ended]] | None:
        self._beams.fill(beams)
        steps = self._run_ahead(state, most if bell else 1, bell, self._beams.given)
        return steps, self._beams.ended()

    def _run_ahead(
        self,
        state: DecoderState,
        most: int,
        bell: Bell | None,
        beams: BeamsAhead | None = None,
    ) -> int:
        batch, ahead = self._memory.batch, self._ahead
        state.fill(batch)
        ahead.most = min(most, state.room(self._longest))
        ahead.ids, ahead.target_lengths = batch.ids, batch.target_lengths
        ahead.stop = bell and bell.address
        ops = self._ops(exact=beams is not None)
        return self._memory.run_ahead(ops, self._outside, self._choice, ahead, beams)

    def _ops(self, exact: bool) -> ctypes.Array[Op]:
        program = self._program
        if self._generator is None:
            return program.plain
        return program.exact if exact else program.rough
