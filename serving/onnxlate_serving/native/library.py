"""The compiled part: what it takes, and where it is."""

import ctypes
import functools
import importlib.util
import logging
import os
import weakref
from collections.abc import Callable, Sequence
from ctypes import (
    POINTER,
    Structure,
    c_char_p,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_void_p,
)
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onnxlate.beam import Doubles, Extensions
from onnxlate.errors import ConfigError
from onnxlate.search import Floats, Ints

log = logging.getLogger(__name__)

Copy = tuple[int, int]
"""From which row, to which."""

PROCESSOR = "ONNXLATE_PROCESSOR"
"""Environment variable: "vnni", "avx512", "avx2" or "plain", to see what others see;
"none" is to leave all to onnxruntime. By default the best that this processor can."""


LAYOUT = 7
"""Raised, here and in native.c, whenever what is handed over changes."""

MISSING = "the model has no such token, or no such position"

NO_NUMBER = "the model says what is no number"


class Kind(IntEnum):
    """As in program.h, which says what each does."""

    LOOKUP = 0
    LOOKUP_INT8 = 1
    ADD = 2
    MULTIPLY = 3
    SCALE = 4
    NORM = 5
    RELU = 6
    GELU = 7
    SIGMOID = 8
    QUANTIZE = 9
    PRODUCT = 10
    PRODUCT_INT8 = 11
    PRODUCT_BYTES = 12
    LOOK_BACK = 13
    LOOK_ACROSS = 14
    LOOK_AROUND = 15
    KEEP = 16
    REACH = 17
    LENGTH = 18
    COPY = 19


LITTLE = 2**18
"""Bytes that are copied in some microseconds."""

PRODUCTS = (Kind.PRODUCT, Kind.PRODUCT_INT8, Kind.PRODUCT_BYTES)

PANEL = 16
"""As in native.c: columns of a matrix that are packed together."""


class Op(Structure):
    """As in program.h."""

    _fields_ = [
        ("kind", c_int32),
        ("to", c_int32),
        ("source", c_int32),
        ("other", c_int32),
        ("inputs", c_int32),
        ("outputs", c_int32),
        ("entry", c_int32),
        ("zero", c_int32),
        ("number", c_float),
        ("unused", c_int32),
        ("weight", c_void_p),
        ("scales", c_void_p),
        ("offsets", c_void_p),
        ("bias", c_void_p),
        ("positions", c_void_p),
    ]


class Batch(Structure):
    """As in program.h."""

    _fields_ = [
        ("rows", c_int64),
        ("sentences", c_int64),
        ("heads", c_int64),
        ("head_width", c_int64),
        ("ids", c_void_p),
        ("source_lengths", c_void_p),
        ("target_lengths", c_void_p),
        ("cross", c_void_p),
        ("cross_stride", c_int64),
        ("cross_room", c_int64),
        ("past", c_void_p),
        ("past_stride", c_int64),
        ("past_room", c_int64),
        ("slots", c_void_p),
        ("weights", c_void_p),
    ]


class Choice(Structure):
    """As in program.h."""

    _fields_ = [
        ("logits", c_void_p),
        ("vocabulary", c_int64),
        ("error", c_void_p),
        ("decoded", c_void_p),
        ("generator", c_void_p),
        ("bias", c_void_p),
        ("width", c_int64),
    ]


class Ahead(Structure):
    """As in program.h."""

    _fields_ = [
        ("most", c_int64),
        ("stretch", c_int64),
        ("end", c_int64),
        ("ids", c_void_p),
        ("target_lengths", c_void_p),
        ("stop", c_void_p),
        ("patience", c_int64),
        ("tokens", c_void_p),
        ("left", c_void_p),
    ]


class BeamsAhead(Structure):
    """As Beams in program.h."""

    _fields_ = [
        ("k", c_int64),
        ("beams", c_void_p),
        ("beam_bytes", c_int64),
        ("history", c_void_p),
        ("room", c_int64),
        ("entries", c_int64),
        ("extensions", c_void_p),
        ("rows", c_void_p),
        ("ended", c_void_p),
        ("ended_tokens", c_void_p),
        ("num_ended", c_int64),
    ]


EXTENSION = np.dtype(
    [("token", np.int64), ("parent", np.int64), ("log_prob", np.float64)]
)
"""As Extension in program.h."""

ENDED = np.dtype(
    [
        *(("place", np.int64), ("length", np.int64), ("cut", np.int64)),
        ("log_prob", np.float64),
    ]
)
"""As Ended in program.h."""


_Found = c_int32 * 4


class Repetition(IntEnum):
    """As in loops.c: what is said again and again."""

    NOTHING = 0
    MARKS = 1
    WORDS = 2
    LETTERS = 3
    UNKNOWN = 4


class Repeated(NamedTuple):
    """As Loop in loops.c."""

    kind: int
    """A Repetition."""
    times: int
    start: int
    """Where it stands for the first time, in characters of the target."""
    end: int


class Team:
    """Helpers, as long as it is there."""

    def __init__(self, address: int, disband: Callable[[int], None]) -> None:
        self.address = address
        self._end = weakref.finalize(self, disband, address)
        # At exit an engine that hangs may still be using them.
        self._end.atexit = False


class Library:
    """Its functions, for one kind of processor."""

    def __init__(self, path: Path, processor: str | None) -> None:
        """Raises OSError if it cannot be loaded or was compiled from other sources,
        LookupError for a processor that this one is not."""
        self.path = path
        loaded = ctypes.CDLL(str(path))
        if not hasattr(loaded, f"onnxlate_layout_{LAYOUT}"):
            raise OSError(
                "it was compiled from other sources; install the package again"
            )
        find = loaded.onnxlate_processor
        find.argtypes, find.restype = [c_char_p], c_void_p
        self._processor = find(processor.encode() if processor else None)
        if not self._processor:
            raise LookupError(f"this processor is no {processor!r}")
        loaded.onnxlate_name.argtypes = [c_void_p]
        loaded.onnxlate_name.restype = c_char_p
        self.name: str = loaded.onnxlate_name(self._processor).decode()
        loaded.onnxlate_cache_bytes.argtypes = []
        loaded.onnxlate_cache_bytes.restype = c_int64
        self.cache_bytes: int = loaded.onnxlate_cache_bytes()
        """Of the largest cache that a core has for itself; 0 where nobody knows."""
        self._run = loaded.onnxlate_run
        self._run.argtypes = [
            *(c_void_p, POINTER(Op), c_int64, POINTER(Batch)),
            *(c_void_p, c_void_p),
        ]
        self._choose = loaded.onnxlate_choose
        self._choose.argtypes = [c_void_p, POINTER(Choice), c_int64, c_void_p]
        self._ahead = loaded.onnxlate_ahead
        self._ahead.argtypes = [
            *self._run.argtypes,
            *(POINTER(Choice), POINTER(Ahead)),
        ]
        self._ahead.restype = c_int64
        self._beams_ahead = loaded.onnxlate_beams_ahead
        self._beams_ahead.argtypes = [*self._ahead.argtypes, POINTER(BeamsAhead)]
        self._beams_ahead.restype = c_int64
        self._team = loaded.onnxlate_team
        self._team.argtypes, self._team.restype = [c_int64], c_void_p
        self._disband = loaded.onnxlate_disband
        self._disband.argtypes, self._disband.restype = [c_void_p], None
        self._ranked = loaded.onnxlate_ranked
        self._ranked.argtypes = [
            *(c_void_p, c_void_p, c_int64, c_int64, c_int64),
            *(c_void_p, c_int64, c_int64, c_void_p, c_void_p),
        ]
        self._copy = loaded.onnxlate_copy
        # Holds the interpreter's lock: to give it away and get it back takes longer
        # than a little copying, and others make the most of it.
        self._copy_little = ctypes.PyDLL(str(path)).onnxlate_copy
        for each in (self._copy, self._copy_little):
            each.argtypes = [
                *(c_void_p, c_int64, c_int64, c_int64, c_int64, c_int64),
                *(c_int64, c_void_p, c_void_p, c_void_p),
            ]
            each.restype = None
        # As long as that holds the lock, it takes a microsecond.
        self._loop = ctypes.PyDLL(str(path)).onnxlate_loop
        self._loop.argtypes = [
            *(c_char_p, c_int64, c_char_p, c_int64),
            *(c_void_p, c_int64, POINTER(c_int32)),
        ]
        self._loop.restype = None
        self._log_probs = loaded.onnxlate_log_probs
        self._log_probs.argtypes = [
            *(c_void_p, c_void_p),
            *(c_int64, c_int64, c_int64),
            *(c_void_p, c_void_p),
        ]
        self._pack_floats = loaded.onnxlate_pack_floats
        self._pack_bytes = loaded.onnxlate_pack_bytes
        for each in (self._pack_floats, self._pack_bytes):
            each.argtypes = [c_void_p, c_int64, c_int64, c_void_p]
        self._run.restype = self._choose.restype = c_int
        for each in (self._ranked, self._log_probs):
            each.restype = None

    def run(
        self, ops: "ctypes.Array[Op]", batch: Batch, positions: int, team: "Team | None"
    ) -> None:
        """Raises IndexError for a token or a position that no table has."""
        done = self._run(
            *(self._processor, ops, len(ops), ctypes.byref(batch)),
            *(positions, team and team.address),
        )
        if not done:
            raise IndexError(MISSING)

    def choose(self, choice: Choice, rows: int) -> Ints:
        """The likeliest token of each row, the smaller of equals: (R,); raises
        FloatingPointError where none of a row's scores is a number."""
        tokens = np.empty(rows, np.int64)
        found = self._choose(
            *(self._processor, ctypes.byref(choice), rows, tokens.ctypes.data),
        )
        if not found:
            raise FloatingPointError(NO_NUMBER)
        return tokens

    def run_ahead(
        self,
        ops: "ctypes.Array[Op]",
        batch: Batch,
        positions: int,
        team: "Team | None",
        choice: Choice,
        ahead: Ahead,
        beams: BeamsAhead | None = None,
    ) -> int:
        """How many steps of greedy or of beam search were done; raises IndexError as
        `run`, and FloatingPointError as `choose`."""
        search = self._beams_ahead if beams else self._ahead
        done: int = search(
            *(self._processor, ops, len(ops), ctypes.byref(batch)),
            *(positions, team and team.address),
            *(ctypes.byref(choice), ctypes.byref(ahead)),
            *((ctypes.byref(beams),) if beams else ()),
        )
        if not done:
            raise IndexError(MISSING)
        if done < 0:
            raise FloatingPointError(NO_NUMBER)
        return done

    def team(self, helpers: int) -> "Team | None":
        """Threads that help one that runs; None if there are to be none."""
        address = self._team(helpers) if helpers else None
        return Team(address, self._disband) if address else None

    def ranked(self, log_probs: Doubles, logits: Floats) -> Extensions:
        """As beam.ranked of the likeliest tokens: (P, k), (R, V) -> (P, W)."""
        places, k = log_probs.shape
        width = min(2 * k, logits.shape[1])
        so_far = np.ascontiguousarray(log_probs)
        shape = places, min(2 * k, k * width)
        row_tokens = np.empty(width, np.int64)
        best = np.empty(shape, EXTENSION)
        self._ranked(
            *(self._processor, logits.ctypes.data, places, k, logits.shape[1]),
            *(so_far.ctypes.data, width, shape[1]),
            *(row_tokens.ctypes.data, best.ctypes.data),
        )
        return Extensions(best["token"], best["log_prob"], best["parent"])

    def copy(
        self, block: npt.NDArray[Any], copies: Sequence[Copy], lengths: Sequence[int]
    ) -> None:
        """Rows of a block (K, R, H, L, E), one after the other, so many positions."""
        moved, written = np.array(copies), np.array(lengths)
        sources, targets = (np.ascontiguousarray(each) for each in moved.T)
        size = len(block) * block.shape[2] * block.strides[3] * sum(lengths)
        copy = self._copy_little if size <= LITTLE else self._copy
        copy(
            *(block.ctypes.data, len(block), block.strides[0]),
            *(block.shape[2], block.strides[2], block.strides[3], len(copies)),
            *(sources.ctypes.data, targets.ctypes.data, written.ctypes.data),
        )

    def repeated(
        self, source: bytes, target: bytes, letters: int, size: int
    ) -> Repeated | None:
        """What guard/repetition.py looks for, in characters of four bytes each; None
        for what is not looked through here. `letters` is where its table stands."""
        found = _Found()
        self._loop(
            *(source, len(source) // 4, target, len(target) // 4),
            *(letters, size, found),
        )
        said = Repeated(*found)
        return None if said.kind == Repetition.UNKNOWN else said

    def of(self, logits: Floats, tokens: Ints) -> Floats:
        """Log-probabilities, as onnxlate.candidates.LogProbs: (R, V), (R, C) ->
        (R, C)."""
        rows, size = logits.shape
        logits, tokens = np.ascontiguousarray(logits), np.ascontiguousarray(tokens)
        log_probs = np.empty(tokens.shape, np.float32)
        self._log_probs(
            *(self._processor, logits.ctypes.data, rows, size, tokens.shape[1]),
            *(tokens.ctypes.data, log_probs.ctypes.data),
        )
        return log_probs

    def packed(self, matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(outputs, inputs), floats or bytes, as products want it; of bytes, inputs is
        a multiple of four."""
        pack = self._pack_bytes if matrix.dtype == np.int8 else self._pack_floats
        given = np.require(matrix, requirements=["C", "ALIGNED"])
        outputs, inputs = given.shape
        packed = np.empty(-(-outputs // PANEL) * PANEL * inputs, matrix.dtype)
        pack(given.ctypes.data, outputs, inputs, packed.ctypes.data)
        return packed


@functools.cache
def library() -> Library | None:
    """What was compiled, for this processor; None where there is none, or none is
    wanted. Raises ConfigError for a processor that this one is not."""
    wanted = os.environ.get(PROCESSOR) or None
    spec = importlib.util.find_spec("onnxlate_serving.native._native")
    if wanted == "none" or spec is None or spec.origin is None:
        return None
    try:
        return Library(Path(spec.origin), wanted)
    except LookupError as cause:
        if wanted:
            raise ConfigError(
                f"{PROCESSOR} is {wanted!r}, and this processor is none: leave it out, "
                "or give vnni, avx512, avx2, plain or none"
            ) from cause
        log.info("this processor is left to onnxruntime")
    except OSError as reason:
        log.warning("%s is left out, it cannot be loaded: %s", spec.name, reason)
    return None
