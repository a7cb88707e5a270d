"""What a graph's nodes come to: numbers in slots, and steps that make them.

What says only where numbers come from, a row of a table, a position, a mask, is known
by what made it.
"""

from dataclasses import dataclass
from typing import Literal

from .graph import Array
from .library import Kind


class Unknown(Exception):
    """A step that only onnxruntime knows."""


@dataclass(frozen=True)
class Numbers:
    """What a step has made, (rows, width)."""

    slot: int
    width: int
    dtype: str = "float32"
    """Or uint8."""
    part: int = -1
    """Which third of it, of a query, key and value in one."""


@dataclass(frozen=True)
class Row:
    """A token's row of a table, as int8 with a scale and factors, or as it is."""

    table: Array
    scales: Array | None = None
    factors: Array | None = None
    column: bool = False
    """Only the scales."""


@dataclass(frozen=True)
class Place:
    """A position's row of a table."""

    table: Array


@dataclass(frozen=True)
class Known:
    """Something that the program has by itself, by name."""

    name: str
    last: tuple[int, ...] = ()
    """Of a size: what is said of the last axes."""


Value = Numbers | Row | Place | Known | None


@dataclass
class Step:
    """One operation on slots; arrays are the program's own."""

    kind: Kind
    to: Numbers
    source: Numbers | None = None
    other: Numbers | None = None
    only: Literal["", "rough", "exact"] = ""
    """Where there are scores of two kinds, for which."""
    entry: int = 0
    zero: int = 0
    number: float = 0.0
    weight: Array | None = None
    scales: Array | None = None
    offsets: Array | None = None
    bias: Array | None = None
    positions: Array | None = None


LOGITS, ERROR, DECODED = range(3)
"""Slots of what a decoder says at last: scores, how rough they are, and of what. Their
memory is given with each run."""

NUM_OUTSIDE = 3
