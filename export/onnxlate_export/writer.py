"""Collects the nodes and weights of one ONNX graph."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from onnxlate import __version__

OPSET = 21
"""The newest that the oldest supported onnxruntime, 1.22, runs without gaps."""
IR_VERSION = 10

CONTRIB = "com.microsoft"
"""Where onnxruntime keeps operators that the standard does not have."""

Array = npt.NDArray[Any] | np.generic


class GraphWriter:
    """Adds one operator at a time and answers with the name of its result."""

    def __init__(self, scope: str = "") -> None:
        """A branch of another graph needs a `scope`, which its names begin with."""
        self._scope = f"{scope}/" if scope else ""
        self._nodes: list[NodeProto] = []
        self._weights: dict[str, npt.NDArray[Any]] = {}
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []
        self._seen: Counter[str] = Counter()

    def input(
        self,
        name: str,
        dtype: int,
        axes: Sequence[str | int],
        default: Array | None = None,
    ) -> str:
        """Declares what is fed; with a default, it may be left out."""
        self._inputs.append(helper.make_tensor_value_info(name, dtype, axes))
        return name if default is None else self.weight(name, default)

    def output(self, name: str, dtype: int, axes: Sequence[str | int]) -> None:
        """Declares a result, made under this very name, to be one of the graph's."""
        self._outputs.append(helper.make_tensor_value_info(name, dtype, axes))

    def weight(self, name: str, array: Array) -> str:
        """Stores an array once; asking again with the same name is free."""
        name = self._scope + name
        self._weights.setdefault(name, np.asarray(array, order="C"))
        return name

    def ints(self, *values: int) -> str:
        """A constant vector of int64, named after what is in it."""
        return self.weight("/".join(("ints", *map(str, values))), np.array(values))

    def node(
        self,
        kind: str,
        *inputs: str,
        place: str = "",
        results: str | Sequence[str] | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> str:
        """The name of its first result.

        `place` names the module it stands for; `results` names what comes out, where
        that matters to anyone.
        """
        name = self._scope + f"{place}/{kind}".lstrip("/")
        self._seen[name] += 1
        if self._seen[name] > 1:
            name = f"{name}_{self._seen[name]}"
        outputs = [name] if results is None else _listed(results)
        self._nodes.append(
            helper.make_node(
                kind, inputs, outputs, name=name, domain=domain, **attributes
            )
        )
        return outputs[0]

    def graph(self) -> onnx.GraphProto:
        """What was added so far, as a graph or as a branch of one."""
        return helper.make_graph(
            self._nodes,
            "onnxlate",
            self._inputs,
            self._outputs,
            [numpy_helper.from_array(a, name) for name, a in self._weights.items()],
        )

    def model(self) -> onnx.ModelProto:
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        return helper.make_model(
            self.graph(),
            opset_imports=opsets,
            ir_version=IR_VERSION,
            producer_name="onnxlate",
            producer_version=__version__,
        )


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


FLOAT, INT64, INT32, BOOL = (
    TensorProto.FLOAT,
    TensorProto.INT64,
    TensorProto.INT32,
    TensorProto.BOOL,
)
