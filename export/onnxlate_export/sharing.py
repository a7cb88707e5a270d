"""Lets one graph use weights where another file has them already.

ONNX can say of a tensor that its content stands in some file, from some byte on. That
file may be anything; here it is a graph of the same bundle, so that what two graphs
have in common is on disk once.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.external_data_helper import set_external_data

SMALLEST = 1024
"""Bytes from which on it is worth it; smaller weights stay readable in the graph."""

BEGINNING = 64
"""Bytes by which a weight is looked for."""


def share_weights(model: onnx.ModelProto, files: Mapping[str, bytes]) -> None:
    """Replaces weights whose very bytes are in one of `files` by where they are.

    Weights that are there transposed are used so: onnxruntime turns constants once,
    when it loads the graph.
    """
    graph = model.graph
    turns: list[onnx.NodeProto] = []
    for weight in graph.initializer:
        if len(weight.raw_data) < SMALLEST or _point_to(weight, files):
            continue
        if len(weight.dims) == 2:
            array = numpy_helper.to_array(weight)
            turned = numpy_helper.from_array(
                np.ascontiguousarray(array.T), f"{weight.name}/turned"
            )
            if _point_to(turned, files):
                turns.append(
                    helper.make_node(
                        "Transpose",
                        [turned.name],
                        [weight.name],
                        name=f"{weight.name}/Transpose",
                        perm=[1, 0],
                    )
                )
                weight.CopyFrom(turned)
    later = list(graph.node)
    del graph.node[:]
    graph.node.extend([*turns, *later])


def _point_to(weight: onnx.TensorProto, files: Mapping[str, bytes]) -> bool:
    """Whether one of the files has its content, which is then left there."""
    content = weight.raw_data
    for name, data in files.items():
        offset = _find(data, content)
        if offset >= 0:
            set_external_data(weight, name, offset=offset, length=len(content))
            weight.ClearField("raw_data")
            return True
    return False


def _find(data: bytes, content: bytes) -> int:
    """As bytes.find does, in a tenth of the time: that takes long with what is long."""
    offset = data.find(content[:BEGINNING])
    while offset >= 0 and not data.startswith(content, offset):
        offset = data.find(content[:BEGINNING], offset + 1)
    return offset
