"""Matrix products of a graph, in fp32 and in int8.

The graphs are written once (fused.py) and told by one of these how to multiply. What
goes into a product passes a Point first: in fp32 that is nothing; in int8 it is where
numbers become integers.

**int8.** Ranges are measured once, on real sentences (ranges.py), and are constants of
the graph. So a row's result cannot depend on its neighbours, as it does where a scale
is taken over the whole batch, and nothing has to be measured while decoding. Channels
differ in range a hundredfold, so each has a factor of its own, which costs nothing: who
makes the numbers divides by it (a LayerNorm's gain, a value projection, the layer
before a ReLU), and the product's weights multiply by it (SmoothQuant, Xiao et al.
2023, section 4).

Weights are integers from -63 to 63 with a scale per output channel: with seven bits
the sums of pairs of products fit the 16 bits that AVX2 has for them, where eight would
saturate.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import nn

from onnxlate_training.model import Generator

from .writer import CONTRIB, FLOAT, GraphWriter

Floats = npt.NDArray[np.float32]
Int8s = npt.NDArray[np.int8]
Ranges = Mapping[str, Floats]
"""Module name -> the largest magnitude each of its input channels was seen to take."""

WEIGHT_RANGE = 63
CENTRE = 128
"""What stands for 0.0 among unsigned bytes, where both signs occur."""
HEADROOM = 1.05
"""Ranges are this much wider than what was seen."""
SELDOM = 0.1
"""What a ReLU lets through seldom may be as large as this share of the largest channel,
whatever was seen of it. A fifth of an encoder's hidden channels were zero on all of 256
sentences: their weights would be rounded to nothing, and the next sentence may need
them."""
BALANCE = 0.5
"""How much of the difference between channels the weights take over, from 0 to 1."""


@dataclass(frozen=True)
class Dense:
    """A linear map, perhaps several stacked: weight (outputs, inputs)."""

    name: str
    """Of its module."""
    weight: Floats
    bias: Floats | None

    @classmethod
    def of(cls, name: str, *layers: nn.Module) -> "Dense":
        """Stacks linear layers, so that one product computes them all."""
        linears = [each for each in layers if isinstance(each, nn.Linear)]
        return cls(
            name,
            np.concatenate([each.weight.detach().numpy() for each in linears]),
            np.concatenate([each.bias.detach().numpy() for each in linears]),
        )

    @classmethod
    def table(cls, name: str, embedding: nn.Parameter) -> "Dense":
        """Also the map from a vector to its product with each of its rows."""
        return cls(name, embedding.detach().numpy(), None)

    @classmethod
    def scores(cls, name: str, generator: Generator) -> "Dense":
        """The last product, from a vector to a score for every token."""
        bias = generator.bias
        return cls(
            name,
            generator.weight.detach().numpy(),
            None if bias is None else bias.numpy(),
        )

    def divided(self, factors: Floats) -> "Dense":
        """The same map with each output divided by a factor (outputs,)."""
        bias = None if self.bias is None else self.bias / factors
        return replace(self, weight=self.weight / factors[:, None], bias=bias)


@dataclass(frozen=True)
class Point:
    """A place where numbers enter products."""

    name: str
    factors: Floats
    """(inputs,) what each channel is to be divided by beforehand."""
    step: float = 1.0
    """What an integer counts."""
    zero: int = CENTRE
    """Which integer stands for 0.0."""


class Products(Protocol):
    """How one precision multiplies."""

    exact: bool
    """Whether products are those of PyTorch."""

    def point(self, name: str, *users: Dense, positive: bool = False) -> Point:
        """Where the input of `users` is made ready; `positive` if it has no minus."""

    def operand(self, graph: GraphWriter, x: str, point: Point) -> str:
        """x, divided by the point's factors already, as products take it."""

    def product(
        self, graph: GraphWriter, operand: str, point: Point, dense: Dense
    ) -> str:
        """operand (rows, inputs) -> float (rows, outputs)."""

    def rectified(
        self, graph: GraphWriter, operand: str, point: Point, dense: Dense, then: Point
    ) -> str:
        """ReLU of a product, as the operand of the next."""

    def lookup(self, graph: GraphWriter, ids: str, table: Dense, point: Point) -> str:
        """Rows of a table, times the root of its width."""


class FloatProducts:
    """fp32: what PyTorch does."""

    exact = True

    def point(self, name: str, *users: Dense, positive: bool = False) -> Point:
        return Point(name, np.ones(users[0].weight.shape[1], np.float32))

    def operand(self, graph: GraphWriter, x: str, point: Point) -> str:
        return x

    def product(
        self, graph: GraphWriter, operand: str, point: Point, dense: Dense
    ) -> str:
        weight = graph.weight(f"{dense.name}.weight", dense.weight)
        bias = []
        if dense.bias is not None:
            bias = [graph.weight(f"{dense.name}.bias", dense.bias)]
        return graph.node("Gemm", operand, weight, *bias, place=dense.name, transB=1)

    def rectified(
        self, graph: GraphWriter, operand: str, point: Point, dense: Dense, then: Point
    ) -> str:
        hidden = self.product(graph, operand, point, dense.divided(then.factors))
        return graph.node("Relu", hidden, place=dense.name)

    def lookup(self, graph: GraphWriter, ids: str, table: Dense, point: Point) -> str:
        weight = graph.weight(f"{table.name}.weight", table.weight)
        root = graph.weight("root", np.float32(math.sqrt(table.weight.shape[1])))
        rows = graph.node("Gather", weight, ids, place=table.name)
        return graph.node("Mul", rows, root, place=table.name)


class Int8Products:
    """int8 weights, and activations in steps that were measured beforehand."""

    exact = False

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges
        self._tables: set[str] = set()  # of which lookups want whole rows

    def point(self, name: str, *users: Dense, positive: bool = False) -> Point:
        ranges = self._ranges[name]
        least = SELDOM * float(ranges.max()) if positive else 0.0
        seen = np.maximum(ranges, max(least, 1e-6)) * np.float32(HEADROOM)
        weights = np.max([np.abs(each.weight).max(axis=0) for each in users], axis=0)
        factors = seen**BALANCE / np.maximum(weights, 1e-6) ** (1 - BALANCE)
        levels, zero = (255, 0) if positive else (127, CENTRE)
        step = float((seen / factors).max()) / levels
        return Point(name, factors.astype(np.float32), step, zero)

    def operand(self, graph: GraphWriter, x: str, point: Point) -> str:
        step, zero = self._scale(graph, point)
        return graph.node("QuantizeLinear", x, step, zero, place=point.name)

    def product(
        self, graph: GraphWriter, operand: str, point: Point, dense: Dense
    ) -> str:
        step, zero = self._scale(graph, point)
        weight, scale = self._weight(graph, dense, point)
        bias = []
        if dense.bias is not None:
            bias = [graph.weight(f"{dense.name}.bias", dense.bias)]
        return graph.node(
            "MatMulIntegerToFloat",
            *(operand, weight, step, scale, zero, ""),
            *bias,
            place=dense.name,
            domain=CONTRIB,
        )

    def rectified(
        self, graph: GraphWriter, operand: str, point: Point, dense: Dense, then: Point
    ) -> str:
        """The bytes of `then` have no minus, so that rounding into them rectifies."""
        step, zero = self._scale(graph, point)
        then_step, then_zero = self._scale(graph, then)
        dense = dense.divided(then.factors)
        weight, scale = self._weight(graph, dense, point)
        scales = self._quantised(dense, point)[1] * np.float32(point.step)
        bias = np.zeros(len(scales)) if dense.bias is None else dense.bias / scales
        return graph.node(
            "QGemm",
            *(operand, step, zero),
            *(
                weight,
                scale,
                graph.weight(f"zeros/{len(scales)}", np.zeros(len(scales), np.int8)),
            ),
            graph.weight(f"{dense.name}.bias", np.rint(bias).astype(np.int32)),
            *(then_step, then_zero),
            place=dense.name,
            domain=CONTRIB,
        )

    def lookup(self, graph: GraphWriter, ids: str, table: Dense, point: Point) -> str:
        """Of the table that the product has too: its rows times their scales, the
        factors taken out again."""
        self._tables.add(table.name)
        integers, scales = self._quantised(table, point)
        rows = graph.node(
            "Gather",
            *(graph.weight(f"{table.name}.int8", integers), ids),
            place=table.name,
        )
        numbers = graph.node("Cast", rows, place=table.name, to=FLOAT)
        step = graph.node(
            "Gather",
            *(graph.weight(f"{table.name}.scale", scales), ids),
            place=table.name,
        )
        column = graph.node("Unsqueeze", step, graph.ints(-1), place=table.name)
        root = np.float32(math.sqrt(table.weight.shape[1]))
        scaled = graph.node("Mul", numbers, column, place=table.name)
        undo = graph.weight(f"{table.name}.undo", root / point.factors)
        return graph.node("Mul", scaled, undo, place=table.name)

    def back(self, graph: GraphWriter, operand: str, point: Point) -> str:
        """What an operand stands for, as floats, divided by the factors still."""
        step, zero = self._scale(graph, point)
        return graph.node("DequantizeLinear", operand, step, zero, place=point.name)

    def stored(self, dense: Dense, point: Point) -> Floats:
        """What the integers of a product stand for, times the factors still."""
        integers, scales = self._quantised(dense, point)
        return integers * scales[:, None]

    def _scale(self, graph: GraphWriter, point: Point) -> tuple[str, str]:
        return (
            graph.weight(f"{point.name}.step", np.float32(point.step)),
            graph.weight(f"zero/{point.zero}", np.uint8(point.zero)),
        )

    def _weight(
        self, graph: GraphWriter, dense: Dense, point: Point
    ) -> tuple[str, str]:
        integers, scales = self._quantised(dense, point)
        scale = graph.weight(f"{dense.name}.scale", scales)
        if dense.name not in self._tables:
            return graph.weight(f"{dense.name}.int8", integers.T), scale
        # Of a constant: onnxruntime does it once, when it loads the graph.
        table = graph.weight(f"{dense.name}.int8", integers)
        return graph.node("Transpose", table, place=dense.name, perm=[1, 0]), scale

    def _quantised(self, dense: Dense, point: Point) -> tuple[Int8s, Floats]:
        """(outputs, inputs) integers and (outputs,) what they count."""
        weight = dense.weight * point.factors
        peak = np.abs(weight).max(axis=1)
        scales = np.where(peak > 0, peak, 1).astype(np.float32)
        scales /= np.float32(WEIGHT_RANGE)
        return np.rint(weight / scales[:, None]).astype(np.int8), scales
