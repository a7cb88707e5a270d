"""int8 weights, and activations that become integers row by row.

onnxruntime's own dynamic quantisation takes one scale for a whole tensor, so that a
row's translation would depend on its neighbours. Here every row has its own, and
what a row yields is bitwise the same alone and in any company.

A weight is stored as integers from -63 to 63, with a scale per output channel: with
seven bits the sums of pairs of products fit the 16 bits that AVX2 has for them,
where eight would saturate. The embedding is one table for both its uses.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from .cleaning import drop_unused

WEIGHT_RANGE = 63
ROW_RANGE = 127
ZERO_POINT = 128
"""What stands for 0.0 in a quantised row; constant, so that no row sets it."""
SMALLEST_PEAK = 1e-12
"""Divides a row of zeros, instead of 0."""

LAST, PEAK, STEP, ZERO = "last_axis", "smallest_peak", "row_step", "row_zero"


def quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of an fp32 graph whose weight matrices are int8.

    Products of two activations, those inside attention, stay float.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    _Quantiser(model.graph).run()
    onnx.checker.check_model(model, full_check=True)
    return model


class _Quantiser:
    """Rewrites one graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._weights = {each.name: each for each in graph.initializer}
        # A table that is looked up keeps its rows; only products are transposed.
        self._tables = {
            node.input[0]
            for node in graph.node
            if node.op_type == "Gather" and node.input[0] in self._weights
        } - {"positions"}  # one vector per position, next to nothing
        self._nodes: list[NodeProto] = []
        self._made: set[str] = set()

    def run(self) -> None:
        for name, value in (
            (LAST, np.array([-1], np.int64)),
            (PEAK, np.array(SMALLEST_PEAK, np.float32)),
            (STEP, np.array(1 / ROW_RANGE, np.float32)),
            (ZERO, np.array(ZERO_POINT, np.uint8)),
        ):
            self._constant(name, value)
        for node in self._graph.node:
            self._nodes += self._rewritten(node)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        drop_unused(self._graph)

    def _rewritten(self, node: NodeProto) -> Iterator[NodeProto]:
        if node.op_type == "Gather" and node.input[0] in self._tables:
            yield from self._lookup(node)
        elif node.op_type in ("Gemm", "MatMul") and node.input[1] in self._weights:
            yield from self._product(node)
        else:
            yield node

    def _lookup(self, node: NodeProto) -> Iterator[NodeProto]:
        """Integers of the rows asked for, times the scales of those rows."""
        table, ids = node.input
        self._store(table, self._array(table))
        at = node.name
        yield _node("Gather", [f"{table}.int8", ids], f"{at}_int8")
        yield _node("Cast", [f"{at}_int8"], f"{at}_float", to=TensorProto.FLOAT)
        yield _node("Gather", [f"{table}.scale", ids], f"{at}_scale")
        yield _node("Mul", [f"{at}_float", f"{at}_scale"], node.output[0])

    def _product(self, node: NodeProto) -> Iterator[NodeProto]:
        """(x / peak) in integers, times the weight, times peak and scale, plus bias."""
        x, weight, *bias = node.input
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        channels = self._array(weight) if transposed else self._array(weight).T
        yield from self._row(x)
        if weight in self._tables:
            self._store(weight, channels)
            # Of constants: onnxruntime does these once, when it loads the graph.
            if self._first(f"{weight}.T"):
                yield _node("Transpose", [f"{weight}.int8"], f"{weight}.T", perm=[1, 0])
                yield _node("Mul", [f"{weight}.scale", STEP], f"{weight}.steps")
                yield _node("Transpose", [f"{weight}.steps"], f"{weight}.steps.T")
            integers, scale = f"{weight}.T", f"{weight}.steps.T"
        else:
            self._store(weight, channels, for_product=True)
            integers, scale = f"{weight}.int8", f"{weight}.scale"
        at, result = node.name, node.output[0]
        product = f"{at}_product" if bias else result
        yield _node("MatMulInteger", [f"{x}_int8", integers, ZERO], f"{at}_int32")
        yield _node("Cast", [f"{at}_int32"], f"{at}_float", to=TensorProto.FLOAT)
        # One after the other. The product of both scales first is what onnxruntime
        # (1.32) fuses into MatMulIntegerToFloat, which knows no scale per row: the
        # error of a step grew from 2 % to 50 % (its pull requests 6008 and 6169).
        yield _node("Mul", [f"{at}_float", f"{x}_peak"], f"{at}_rows")
        yield _node("Mul", [f"{at}_rows", scale], product)
        if bias:
            yield _node("Add", [product, bias[0]], result)

    def _row(self, x: str) -> Iterator[NodeProto]:
        """Each row of x as integers, its peak being 127."""
        if not self._first(f"{x}_int8"):
            return
        yield _node("Abs", [x], f"{x}_abs")
        yield _node("ReduceMax", [f"{x}_abs", LAST], f"{x}_max", keepdims=1)
        yield _node("Max", [f"{x}_max", PEAK], f"{x}_peak")
        yield _node("Div", [x, f"{x}_peak"], f"{x}_unit")
        yield _node("QuantizeLinear", [f"{x}_unit", STEP, ZERO], f"{x}_int8")

    def _store(
        self,
        weight: str,
        channels: npt.NDArray[np.float32],
        for_product: bool = False,
    ) -> None:
        """Keeps (channels, inputs) as integers, and (channels, 1) as their scales.

        What is for products alone is turned to (inputs, channels) and (channels,),
        and its scales are for rows that are counted in steps of 1/127 of their peak.
        """
        if not self._first(f"{weight}.int8"):
            return
        peak = np.abs(channels).max(axis=1, keepdims=True)
        scale = np.where(peak > 0, peak, 1).astype(np.float32) / WEIGHT_RANGE
        integers = np.rint(channels / scale).astype(np.int8)
        if for_product:
            integers, scale = integers.T, scale[:, 0] / np.float32(ROW_RANGE)
        self._constant(f"{weight}.int8", np.ascontiguousarray(integers))
        self._constant(f"{weight}.scale", scale)

    def _first(self, name: str) -> bool:
        """Whether this is the first time that anybody makes `name`."""
        first = name not in self._made
        self._made.add(name)
        return first

    def _array(self, name: str) -> npt.NDArray[np.float32]:
        return numpy_helper.to_array(self._weights[name])

    def _constant(self, name: str, value: npt.NDArray[np.generic]) -> None:
        self._graph.initializer.append(numpy_helper.from_array(value, name))


def _node(kind: str, inputs: list[str], output: str, **attributes: Any) -> NodeProto:
    return helper.make_node(kind, inputs, [output], name=output, **attributes)
