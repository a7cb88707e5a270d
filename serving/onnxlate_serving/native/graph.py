"""An ONNX graph as nodes and arrays, read without onnx, which serving has not.

https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..wire_format import fields, text, texts, varint
from .files import MappedFiles

Array = npt.NDArray[Any]

_DTYPES = {
    1: np.float32,
    2: np.uint8,
    3: np.int8,
    6: np.int32,
    7: np.int64,
    9: np.bool_,
}


@dataclass(frozen=True)
class Node:
    kind: str
    inputs: tuple[str, ...]
    """Names; empty where one is left out."""
    outputs: tuple[str, ...]
    attributes: "Mapping[str, int | float | tuple[int, ...] | Graph]"
    domain: str = ""


@dataclass(frozen=True)
class Graph:
    nodes: list[Node] = field(default_factory=list)
    weights: dict[str, Array] = field(default_factory=dict)
    """Constants by name, as they lie in the file."""
    inputs: set[str] = field(default_factory=set)
    """Names, those that may be left out among them."""
    outputs: set[str] = field(default_factory=set)


class GraphFile:
    """A graph as its files have it: mapped, not read."""

    def __init__(self, path: Path, files: MappedFiles) -> None:
        """Raises IndexError, KeyError, OSError or ValueError for what is none."""
        self._folder, self._files = path.parent, files
        for number, value in fields(files.content(path)):
            if number == 7 and not isinstance(value, int):
                self.graph = self._graph(value)
                return
        raise ValueError(f"{path} holds no graph")

    def _graph(self, data: memoryview) -> Graph:
        graph = Graph()
        for number, value in fields(data):
            if isinstance(value, int):
                continue
            if number == 1:
                graph.nodes.append(self._node(value))
            elif number == 5:
                name, array = self._tensor(value)
                graph.weights[name] = array
            elif number in (11, 12):
                named = graph.inputs if number == 11 else graph.outputs
                named.add(texts(value)[1])
        return graph

    def _node(self, data: memoryview) -> Node:
        kind, domain, inputs, outputs, attributes = "", "", [], [], {}
        for number, value in fields(data):
            if isinstance(value, int):
                continue
            match number:
                case 1:
                    inputs.append(text(value))
                case 2:
                    outputs.append(text(value))
                case 4:
                    kind = text(value)
                case 5:
                    name, content = self._attribute(value)
                    attributes[name] = content
                case 7:
                    domain = text(value)
        return Node(kind, tuple(inputs), tuple(outputs), attributes, domain)

    def _attribute(
        self, data: memoryview
    ) -> "tuple[str, int | float | tuple[int, ...] | Graph]":
        name, ints = "", []
        found: int | float | Graph | None = None
        for number, value in fields(data):
            match number, value:
                case 1, memoryview():
                    name = text(value)
                case 2, memoryview():
                    found = struct.unpack("<f", value)[0]
                case 3, int():
                    found = _signed(value)
                case 6, memoryview():
                    found = self._graph(value)
                case 8, int():
                    ints.append(_signed(value))
                case 8, memoryview():
                    ints += [_signed(each) for each in _packed(value)]
        return name, tuple(ints) if found is None else found

    def _tensor(self, data: memoryview) -> tuple[str, Array]:
        name, dtype, shape = "", 0, []
        raw: memoryview | bytes = b""
        outside: dict[str, str] = {}
        for number, value in fields(data):
            match number, value:
                case 1, int():
                    shape.append(value)
                case 1, memoryview():
                    shape += _packed(value)
                case 2, int():
                    dtype = value
                case 8, memoryview():
                    name = text(value)
                case 9, memoryview():
                    raw = value
                case 13, memoryview():
                    entry = texts(value)
                    outside[entry[1]] = entry[2]
        if outside:
            raw = self._files.content(self._folder / outside["location"])
        count, offset = math.prod(shape), int(outside.get("offset", "0"))
        array: Array = np.frombuffer(raw, _DTYPES[dtype], count=count, offset=offset)
        return name, array.reshape(shape)


def _packed(data: memoryview) -> list[int]:
    values, at = [], 0
    while at < len(data):
        value, at = varint(data, at)
        values.append(value)
    return values


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value
