"""What was measured to say why: of one step, of one batch, of a process."""

from typing import Literal

from .cell import Cell
from .settings import CTranslate2Settings, Memory, OursSettings


class FloorCell(Cell):
    """One step of our decoder beside what one core could do at best; `ours` is
    `measured_ms`, and `batch` the rows of the step."""

    benchmark: Literal["floor"] = "floor"
    weight_bytes: int
    """Of all matrices that a step multiplies with."""

    bytes: int
    """Weights and caches: what a step has to read."""

    flops: int
    """Of the products with weights; a multiplication and an addition are two."""

    memory_ms: float
    """To read so many bytes, from wherever so many fit."""

    compute_ms: float
    """For the products, each alone in a graph."""

    floor_ms: float
    """The longer of the two."""

    measured_ms: float
    """The median of many steps."""

    near: float
    """The floor over what was measured: 1 were perfect."""


Varied = Literal["batch", "source tokens", "beam size", "vocabulary"]


class ScalingCell(Cell):
    """Tokens a second of one batch, in one thread, while one thing is varied."""

    benchmark: Literal["scaling"] = "scaling"
    varied: Varied
    value: int
    """Of what is varied."""

    source_tokens: int
    vocabulary: int
    our_ms: float
    """Milliseconds for one target token of every sentence in the batch, with its
    share of the encoder."""

    their_ms: float
    our_settings: OursSettings
    their_settings: CTranslate2Settings


class FootprintCell(Cell):
    """Bytes of resident memory after all loads of the benchmark `scaling`, and how
    long a process takes to be ready."""

    benchmark: Literal["footprint"] = "footprint"
    our_memory: Memory
    their_memory: Memory
    our_memory_at_start: Memory
    """When the model has been loaded and nothing been translated."""

    their_memory_at_start: Memory
    our_startup_s: float
    """From the start of the process, Python included."""

    their_startup_s: float
    our_settings: OursSettings
    their_settings: CTranslate2Settings
