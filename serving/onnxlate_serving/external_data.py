"""Which files a graph would have onnxruntime read, told without onnxruntime.

ONNX keeps large tensors in files of their own and names them by path. onnxruntime
follows those paths; a bundle's hashes are of its own files only, so a graph may name
no others. Read straight from protobuf's wire format, since serving has no onnx:
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from collections.abc import Collection, Iterator
from pathlib import Path

from onnxlate.errors import BundleError

from .native.files import MappedFiles
from .wire_format import fields, texts

# Of each message the fields that lead to tensors, and what they lead to.
_CHILDREN: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 20: "TrainingInfo", 25: "Function"},
    "TrainingInfo": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Node": {5: "Attribute"},
    "Attribute": {
        **{5: "Tensor", 10: "Tensor", 6: "Graph", 11: "Graph"},
        **{22: "SparseTensor", 23: "SparseTensor"},
    },
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {13: "Entry"},
}

MAX_DEPTH = 50
"""Of graphs within graphs; protobuf's own limit is 100 messages."""


def check_external_data(graph: Path, allowed: Collection[str]) -> None:
    """Raises BundleError if the graph refers to files other than these names."""
    if not graph.stat().st_size:
        raise BundleError(f"{graph} is empty")
    data = MappedFiles().content(graph)
    try:
        strange = sorted(set(_locations(data, "Model", 0)) - set(allowed))
    except (IndexError, ValueError) as cause:
        raise BundleError(f"{graph} is no ONNX graph") from cause
    if strange:
        raise BundleError(
            f"{graph} refers to {strange[0]!r:.80}, which is no file of its bundle"
        )


def _locations(data: memoryview, message: str, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise ValueError("too deep")
    children = _CHILDREN[message]
    for number, value in fields(data):
        child = children.get(number)
        if child is None or isinstance(value, int):
            continue
        if child == "Entry":
            entry = texts(value)
            if entry.get(1) == "location":
                yield entry.get(2, "")
        else:
            yield from _locations(value, child, depth + 1)
