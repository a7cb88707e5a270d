"""From a graph to the steps of a program: what is computed with the numbers."""

from dataclasses import replace
from typing import Any

import numpy as np

from .graph import Array, Graph, Node
from .library import Kind
from .lookups import Lookups
from .steps import ERROR, Numbers, Step, Unknown


class Compiler(Lookups):
    """Of the graphs that fused.py of the exporter writes, and others like them."""

    # -- row by row

    def _layernormalization(self, node: Node) -> None:
        source = self._numbers(node.inputs[0])
        if node.attributes.get("axis", -1) != -1:
            raise Unknown("a norm of another axis")
        epsilon = node.attributes.get("epsilon", 1e-5)
        gain, bias = (self._weight(each) for each in node.inputs[1:3])
        self._add_step(
            *(node, Kind.NORM, source.width),
            source=source,
            number=epsilon,
            weight=gain,
            bias=bias,
        )

    def _relu(self, node: Node) -> None:
        self._activation(node, Kind.RELU)

    def _gelu(self, node: Node) -> None:
        self._activation(node, Kind.GELU)

    def _sigmoid(self, node: Node) -> None:
        self._activation(node, Kind.SIGMOID)

    def _activation(self, node: Node, kind: Kind) -> None:
        source = self._numbers(node.inputs[0])
        self._add_step(node, kind, source.width, source=source)

    def _quantizelinear(self, node: Node) -> None:
        source = self._numbers(node.inputs[0])
        step, zero = (self._scalar(each) for each in node.inputs[1:3])
        if self._weight(node.inputs[2]).dtype != np.uint8:
            raise Unknown("bytes with a sign")
        self._add_step(
            *(node, Kind.QUANTIZE, source.width, "uint8"),
            source=source,
            number=step,
            zero=int(zero),
        )

    # -- products

    def _gemm(self, node: Node) -> None:
        source, weight = self._numbers(node.inputs[0]), self._weight(node.inputs[1])
        if not node.attributes.get("transB"):
            weight = weight.T
        bias = self._weight(node.inputs[2]) if len(node.inputs) > 2 else None
        self._add_step(
            *(node, Kind.PRODUCT, weight.shape[0]),
            source=source,
            weight=weight,
            bias=bias,
        )

    def _matmulintegertofloat(self, node: Node) -> None:
        operand, matrix, step, scale, zero, centre, *bias = node.inputs
        if centre:
            raise Unknown("weights have a zero point")
        source, weight = self._bytes(operand), self._weight(matrix).T
        self._add_step(
            *(node, Kind.PRODUCT_INT8, weight.shape[0]),
            source=source,
            weight=weight,
            scales=self._weight(scale) * np.float32(self._scalar(step)),
            offsets=_offsets(weight, self._scalar(zero)),
            bias=self._weight(bias[0]) if bias else None,
        )

    def _qgemm(self, node: Node) -> None:
        operand, step, zero, matrix, scale, centre, bias, then, then_zero = node.inputs
        if self._weight(centre).any() or node.attributes.get("transB"):
            raise Unknown("weights have a zero point")
        source, weight = self._bytes(operand), self._weight(matrix).T
        scales = self._weight(scale) * np.float32(self._scalar(step))
        self._add_step(
            *(node, Kind.PRODUCT_BYTES, weight.shape[0], "uint8"),
            source=source,
            weight=weight,
            scales=scales / np.float32(self._scalar(then)),
            offsets=_offsets(weight, self._scalar(zero)) - self._weight(bias),
            zero=int(self._scalar(then_zero)),
        )

    def _bytes(self, name: str) -> Numbers:
        found = self._numbers(name)
        if found.dtype != "uint8" or found.width % 4:
            raise Unknown(f"{name!r} cannot be multiplied")
        return found

    def _if(self, node: Node) -> None:
        """Scores of two kinds, and how far they may be off."""
        branches = [node.attributes.get(f"{each}_branch") for each in ("then", "else")]
        if node.inputs[0] != "approximate" or node.outputs[0] != "logits":
            raise Unknown("something depends")
        first = len(self.steps)
        for branch, score in zip(branches, (self._roughly, self._exactly), strict=True):
            if not isinstance(branch, Graph):
                raise Unknown("a branch is missing")
            self.graph.weights.update(branch.weights)
            score(branch)
            for each in self.steps[first:]:
                each.only = "rough" if score == self._roughly else "exact"
            first = len(self.steps)

    def _exactly(self, branch: Graph) -> None:
        product = _only(branch, "Gemm", outputs=("logits",))
        self._gemm(product)
        source = self._numbers(product.inputs[0])
        rounding = self._scalar(_only(branch, "Mul").inputs[1])
        sums = [each for each in branch.nodes if each.kind == "Add"]
        added = np.float32(self._scalar(sums[0].inputs[1]) if sums else 0)
        error, more = Numbers(ERROR, 1), added.reshape(1)
        self.steps.append(
            Step(Kind.LENGTH, error, source, number=rounding, weight=more)
        )

    def _roughly(self, branch: Graph) -> None:
        makers = {each.outputs[0]: each for each in branch.nodes}
        scaled, *weighed = (each for each in branch.nodes if each.kind == "Mul")
        rounded = _only(branch, "QuantizeLinear")
        self._mul(scaled)
        self._quantizelinear(rounded)
        product = _only(branch, "MatMulIntegerToFloat", outputs=("logits",))
        self._matmulintegertofloat(product)
        # Each is of a length and a constant; which length, its maker tells.
        weights = {
            makers[makers[each.inputs[0]].inputs[0]].kind: self._scalar(each.inputs[1])
            for each in weighed
        }
        lost, left = weights["Sub"], weights["DequantizeLinear"]
        step, zero = (self._scalar(each) for each in rounded.inputs[1:3])
        self.steps.append(
            Step(
                Kind.REACH,
                Numbers(ERROR, 1),
                self._numbers(scaled.outputs[0]),
                self._numbers(rounded.outputs[0]),
                number=step,
                zero=int(zero),
                weight=np.array([lost, left], np.float32),
            )
        )

    # -- attention

    def _groupqueryattention(self, node: Node) -> None:
        _, keys, _ = node.outputs
        self._expect(node.inputs[5], "position")
        source = self._numbers(node.inputs[0])
        heads = {node.attributes.get(each) for each in ("num_heads", "kv_num_heads")}
        if any(node.inputs[1:3]) or not keys.startswith("present_keys_"):
            raise Unknown("attention of another kind")
        if heads != {self.heads}:
            raise Unknown("attention with other heads")
        self._add_step(
            *(node, Kind.LOOK_BACK, source.width // 3),
            source=source,
            entry=2 * int(keys.rpartition("_")[2]),
        )

    def _split(self, node: Node) -> None:
        source = self._numbers(node.inputs[0])
        for part, name in enumerate(node.outputs):
            self._values[name] = replace(source, part=part)

    def _multiheadattention(self, node: Node) -> None:
        query, keys, values, bias, mask = node.inputs
        self._expect(mask, "source_visible")
        if bias or node.attributes.get("num_heads") != self.heads:
            raise Unknown("attention with other heads")
        if keys.startswith("cross_keys_"):
            source = self._numbers(query)
            if values != keys.replace("keys", "values"):
                raise Unknown("attention of another kind")
            self._add_step(
                *(node, Kind.LOOK_ACROSS, source.width),
                source=source,
                entry=2 * int(keys.rpartition("_")[2]),
            )
            return
        thirds = [self._values.get(each) for each in (query, keys, values)]
        whole = thirds[0]
        if not isinstance(whole, Numbers) or thirds != [
            replace(whole, part=part) for part in range(3)
        ]:
            raise Unknown("attention of another kind")
        source = replace(whole, part=-1)
        self._add_step(node, Kind.LOOK_AROUND, source.width // 3, source=source)


def _offsets(weight: Array, zero: float) -> Array:
    """What `zero` in each input adds to each output, (outputs,)."""
    sums: Array = weight.sum(axis=1, dtype=np.int32) * np.int32(zero)
    return sums


def _only(graph: Graph, kind: str, **changes: Any) -> Node:
    """The one node of a kind."""
    found = [each for each in graph.nodes if each.kind == kind]
    if len(found) != 1:
        raise Unknown(f"{len(found)} operators {kind} are there")
    return replace(found[0], **changes)
