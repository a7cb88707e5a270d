"""What compiled steps of beam search write to, and what it says."""

from collections.abc import Iterator

import numpy as np

from onnxlate.beam import Beams, Ended

from .library import ENDED, EXTENSION, BeamsAhead


class BeamMemory:
    """Of one thread, for beams of one size at a time."""

    def __init__(self, max_rows: int, max_steps: int, entries: int) -> None:
        """`entries` is how many keys and values a cache has."""
        most = max_rows * (max_steps + 1)
        self._ended = np.zeros(most, ENDED)
        self._tokens = np.zeros((most, 0), np.int32)
        self._extensions = np.zeros(2 * max_rows, EXTENSION)
        self._rows = np.zeros(3 * max_rows, np.int64)
        self.given = BeamsAhead(
            entries=entries,
            ended=self._ended.ctypes.data,
            extensions=self._extensions.ctypes.data,
            rows=self._rows.ctypes.data,
        )
        """What is handed over."""

    def fill(self, beams: Beams) -> None:
        """Says where everything stands."""
        given, (_, k, room) = self.given, beams.history.shape
        given.k, given.room = k, room
        given.beams = beams.state.ctypes.data
        given.beam_bytes = beams.state.dtype.itemsize
        given.history = beams.history.ctypes.data
        if room != self._tokens.shape[1]:
            self._tokens = np.zeros((len(self._ended), room), np.int32)
            given.ended_tokens = self._tokens.ctypes.data

    def ended(self) -> Iterator[Ended]:
        """What the steps said, in order."""
        notes = self._ended[: self.given.num_ended].tolist()
        for (place, length, cut, log_prob), row in zip(
            notes, self._tokens, strict=False
        ):
            tokens = row[: length - (not cut)].tolist()
            yield Ended(place, length, bool(cut), log_prob, tokens)
