"""Whether the arrays of a program's steps are of the sizes that the steps read.

Compiled code looks nowhere but where it is told to; so what a bundle says of itself has
to be true before it is told.
"""

from typing import Literal

import numpy as np

from onnxlate.bundle import ModelInfo

from .graph import Array
from .library import PRODUCTS, Kind
from .steps import DECODED, ERROR, LOGITS, NUM_OUTSIDE, Numbers, Step, Unknown

LOOKUPS = (Kind.LOOKUP, Kind.LOOKUP_INT8)
TOGETHER = (Kind.LOOK_BACK, Kind.LOOK_AROUND)
"""Attention of a query, a key and a value in one."""

CACHED = (Kind.LOOK_BACK, Kind.LOOK_ACROSS, Kind.KEEP)
BYTE_INPUTS = (Kind.PRODUCT_INT8, Kind.PRODUCT_BYTES)


Part = Literal["encoder", "decoder"]

ELSEWHERE = {
    "encoder": (Kind.LOOK_BACK, Kind.LOOK_ACROSS, Kind.REACH, Kind.LENGTH, Kind.COPY),
    "decoder": (Kind.LOOK_AROUND, Kind.KEEP),
}
"""Kinds that read or write what a part has not."""


def check(steps: list[Step], model: ModelInfo, part: Part, screened: bool) -> None:
    """Raises Unknown for a step that would read or write beside its arrays, and for
    steps that do not make all that is expected of a part; `screened` is a decoder
    whose scores may be rough."""
    for step in steps:
        if step.kind in ELSEWHERE[part] or not _is_sound(step, model):
            raise Unknown(f"a step {step.kind.name} does not fit the model")
    layers = range(0, 2 * model.decoder_layers, 2)
    if part == "encoder":
        if any(each.to.slot < NUM_OUTSIDE for each in steps):
            raise Unknown("an encoder says something")
        _require(steps, Kind.KEEP, range(2 * model.decoder_layers))
        return
    _require(steps, Kind.LOOK_BACK, layers)
    _require(steps, Kind.LOOK_ACROSS, layers)
    wanted = (LOGITS, ERROR, DECODED) if screened else (LOGITS,)
    for kind in ("exact", "rough"):
        made = [each.to.slot for each in steps if each.only in ("", kind)]
        if sorted(each for each in made if each in wanted) != list(wanted):
            raise Unknown(f"{kind} scores are not made, or more than once")


def _require(steps: list[Step], kind: Kind, entries: range) -> None:
    found = sorted(each.entry for each in steps if each.kind is kind)
    if found != list(entries):
        raise Unknown(f"there are other steps {kind.name} than layers")


def _is_sound(step: Step, model: ModelInfo) -> bool:
    width, to, source = model.width, step.to.width, step.source
    if model.heads * model.head_width != width or min(to, width) < 1:
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
        and _is_narrow(step.weight)
        and _is(step.scales, np.float32, outputs)
        and _is(step.offsets, np.int32, outputs)
    )


def _fits_each(step: Step, width: int) -> bool:
    """Steps that go number by number, or along a row."""
    if step.kind in (Kind.ADD, Kind.MULTIPLY):
        return _is_like(step.other, width, "float32")
    if step.kind is Kind.SCALE:
        return _is(step.weight, np.float32, width)
    if step.kind is Kind.NORM:
        return _is(step.weight, np.float32, width) and _is(step.bias, np.float32, width)
    if step.kind is Kind.REACH:
        return _is_like(step.other, width, "uint8")
    return True


def _is_like(numbers: Numbers | None, width: int, dtype: str) -> bool:
    return numbers is not None and (numbers.width, numbers.dtype) == (width, dtype)


def _is_narrow(weight: Array | None) -> bool:
    """Where two products must fit 16 bits together, weights have no more than seven."""
    return weight is not None and weight.min() >= -64 and weight.max() <= 64


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
