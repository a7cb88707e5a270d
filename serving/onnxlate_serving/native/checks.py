"""Whether the arrays of a program's steps are of the sizes that the steps read.

Compiled code looks nowhere but where it is told to; so what a bundle says of itself has
to be true before it is told.
"""

import numpy as np

from onnxlate.bundle import ModelInfo

from .graph import Array
from .library import Kind
from .steps import DECODED, LOGITS, Step, Unknown

LOOKUPS = (Kind.LOOKUP, Kind.LOOKUP_INT8)
PRODUCTS = (Kind.PRODUCT, Kind.PRODUCT_INT8, Kind.PRODUCT_BYTES)
TOGETHER = (Kind.LOOK_BACK, Kind.LOOK_AROUND)
"""Attention of a query, a key and a value in one."""

CACHED = (Kind.LOOK_BACK, Kind.LOOK_ACROSS, Kind.KEEP)
BYTE_INPUTS = (Kind.PRODUCT_INT8, Kind.PRODUCT_BYTES)


def check(steps: list[Step], model: ModelInfo) -> None:
    """Raises Unknown for a step that would read or write beside its arrays."""
    for step in steps:
        if not _is_sound(step, model):
            raise Unknown(f"a step {step.kind.name} does not fit the model")


def _is_sound(step: Step, model: ModelInfo) -> bool:
    width, to, source = model.width, step.to.width, step.source
    if model.heads * model.head_width != width:
        return False
    if step.to.slot == LOGITS and to != model.target_vocabulary:
        return False
    if step.to.slot == DECODED and to != width:
        return False
    if step.kind in LOOKUPS:
        return to == width and _fits_lookup(step, width)
    if source is None or (source.dtype == "uint8") != (step.kind in BYTE_INPUTS):
        return False
    if step.kind in PRODUCTS:
        return _fits_product(step, source.width)
    if step.kind in CACHED and not 0 <= step.entry < 2 * model.decoder_layers:
        return False
    if step.kind in TOGETHER:
        return source.width == 3 * width
    if step.kind in (Kind.LOOK_ACROSS, Kind.KEEP):
        return source.width == width
    return _fits_each(step, source.width)


def _fits_lookup(step: Step, width: int) -> bool:
    table, places = step.weight, step.positions
    dtype = np.float32 if step.kind is Kind.LOOKUP else np.int8
    if not _is(table, dtype, -1, width) or not _is(places, np.float32, -1, width):
        return False
    if step.kind is Kind.LOOKUP:
        return True
    assert table is not None
    return _is(step.scales, np.float32, len(table)) and _is(
        step.offsets, np.float32, width
    )


def _fits_product(step: Step, width: int) -> bool:
    outputs = step.to.width
    bias = step.bias is None or _is(step.bias, np.float32, outputs)
    if step.kind is Kind.PRODUCT:
        return bias and _is(step.weight, np.float32, outputs, width)
    return (
        bias
        and _is(step.weight, np.int8, outputs, width)
        and _is(step.scales, np.float32, outputs)
        and _is(step.offsets, np.int32, outputs)
    )


def _fits_each(step: Step, width: int) -> bool:
    """Steps that go number by number, or along a row."""
    if step.kind in (Kind.ADD, Kind.MULTIPLY):
        return step.other is not None and step.other.width == width
    if step.kind is Kind.SCALE:
        return _is(step.weight, np.float32, width)
    if step.kind is Kind.NORM:
        return _is(step.weight, np.float32, width) and _is(step.bias, np.float32, width)
    if step.kind is Kind.REACH:
        return step.other is not None and step.other.width == width
    return True


def _is(array: Array | None, dtype: type[np.generic], *shape: int) -> bool:
    """Of that kind and shape; -1 is any size."""
    return (
        array is not None
        and array.dtype == dtype
        and array.ndim == len(shape)
        and all(
            size in (-1, found) for size, found in zip(shape, array.shape, strict=True)
        )
    )
