"""Texts and numbers as the tensors of the Open Inference Protocol, and back."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from onnxlate.errors import InvalidRequest

from . import kserve_pb2 as pb

TEXT = "text"
"""The only input: source texts, any number of them."""

TRANSLATION, SCORE, FINISH_REASON = "translation", "score", "finish_reason"
"""Outputs with a value for each text, or for each hypothesis of one."""

DETAILS = "details"
"""One for each text, and only where it is named: it takes time, and much room."""

MAX_AXES, MAX_ELEMENTS = 8, 4096
"""Of a tensor; whether so many texts are taken is decided later."""

OUTPUTS = {
    TRANSLATION: "BYTES",
    SCORE: "FP32",
    FINISH_REASON: "BYTES",
    DETAILS: "BYTES",
}


def texts_of(request: pb.ModelInferRequest) -> tuple[list[str], list[int]]:
    """The request's texts and their shape; raises InvalidRequest."""
    if [each.name for each in request.inputs] != [TEXT]:
        raise InvalidRequest(f'one input is wanted, "{TEXT}", of datatype BYTES')
    [tensor] = request.inputs
    if tensor.datatype != "BYTES":
        raise InvalidRequest(f'"{TEXT}" is {tensor.datatype[:16]!r}; BYTES is wanted')
    if "shared_memory_region" in tensor.parameters:
        raise InvalidRequest("there is no shared memory with this server")
    if len(tensor.shape) > MAX_AXES:
        raise InvalidRequest(f'"{TEXT}" has more than {MAX_AXES} axes')
    match request.raw_input_contents:
        case []:
            elements = list(tensor.contents.bytes_contents)
        case [raw]:
            elements = _elements(raw)
        case _:
            raise InvalidRequest("raw_input_contents has more entries than inputs")
    shape = list(tensor.shape)
    if any(size < 0 for size in shape) or math.prod(shape) != len(elements):
        raise InvalidRequest(
            f'"{TEXT}" has the shape {shape} and {len(elements)} elements'
        )
    try:
        return [each.decode() for each in elements], shape
    except UnicodeDecodeError as cause:
        raise InvalidRequest(f'"{TEXT}" has bytes that are not UTF-8') from cause


def _elements(raw: bytes) -> list[bytes]:
    """BYTES, one behind the other, each after its length in four bytes."""
    elements: list[bytes] = []
    at = 0
    while at < len(raw):
        if len(elements) == MAX_ELEMENTS:
            raise InvalidRequest(f'"{TEXT}" has more than {MAX_ELEMENTS} elements')
        if at + 4 > len(raw):
            raise InvalidRequest("raw_input_contents ends within a length")
        (size,) = struct.unpack_from("<I", raw, at)
        at += 4 + size
        if at > len(raw):
            raise InvalidRequest("raw_input_contents ends within an element")
        elements.append(raw[at - size : at])
    return elements


def wanted_outputs(request: pb.ModelInferRequest) -> list[str]:
    """Names of those that are to be sent: where none is named, all but the details."""
    names = [each.name for each in request.outputs]
    if strange := [name for name in names if name not in OUTPUTS]:
        raise InvalidRequest(
            f"there is no output {strange[0][:64]!r}; there are {', '.join(OUTPUTS)}"
        )
    if len(set(names)) < len(names):
        raise InvalidRequest("an output is named twice")
    if any("shared_memory_region" in each.parameters for each in request.outputs):
        raise InvalidRequest("there is no shared memory with this server")
    return names or [each for each in OUTPUTS if each != DETAILS]


def add_bytes(
    response: pb.ModelInferResponse,
    name: str,
    values: Sequence[str],
    shape: Sequence[int],
) -> None:
    encoded = [value.encode() for value in values]
    raw = b"".join(struct.pack("<I", len(each)) + each for each in encoded)
    _add(response, name, raw, shape)


def add_floats(
    response: pb.ModelInferResponse,
    name: str,
    values: Sequence[float],
    shape: Sequence[int],
) -> None:
    _add(response, name, struct.pack(f"<{len(values)}f", *values), shape)


def _add(
    response: pb.ModelInferResponse, name: str, raw: bytes, shape: Sequence[int]
) -> None:
    response.outputs.add(name=name, datatype=OUTPUTS[name], shape=shape)
    response.raw_output_contents.append(raw)
