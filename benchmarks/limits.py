"""What one core of this machine can do at most: bytes read, numbers multiplied.

Both are measured, for what a data sheet promises is never seen from inside a container.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from onnxlate_export.writer import CONTRIB, FLOAT, GraphWriter
from onnxlate_serving.opener import session_options

from .timing_models import Precision

MIN_RUNS = 3

UINT8 = 2
"""As ONNX numbers its types."""

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Product:
    """One matrix of weights, and what is multiplied with it: (rows, inputs) @ (inputs,
    outputs)."""

    inputs: int
    outputs: int
    precision: Precision

    @property
    def num_bytes(self) -> int:
        """Of the weights."""
        return self.inputs * self.outputs * (1 if self.precision == "int8" else 4)

    def flops(self, rows: int) -> int:
        """A multiplication and an addition are two."""
        return 2 * rows * self.inputs * self.outputs


def timed(work: Callable[[], object], seconds: float) -> list[float]:
    """What each run took, for about so many seconds; the first one does not count."""
    work()
    took: list[float] = []
    end = time.perf_counter() + seconds
    while len(took) < MIN_RUNS or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return took


def read_seconds(num_bytes: int, seconds: float) -> float:
    """To read so many bytes once more, in one thread.

    What fits into a cache is read from there, and so is a model that does: an array
    larger than the model would be no bound for it.
    """
    array = np.ones(max(num_bytes // 4, 1), np.int32)
    # Of numpy's passes over an array the one that is nearest to only reading it: it
    # is vectorised, and it has no threads, as a dot product in BLAS may have.
    return min(timed(lambda: np.bitwise_or.reduce(array), seconds))


def product_seconds(product: Product, rows: int, seconds: float) -> float:
    """For one product in onnxruntime, in one thread, without what any run costs."""
    took = _fastest(_product_graph(product), _operand(product, rows), seconds)
    call = _fastest(_empty_graph(), np.ones((1, 1), np.float32), seconds)
    # The very smallest products drown in the cost of a run: something must be left.
    return max(took - call, took / 10)


def _fastest(graph: bytes, operand: Array, seconds: float) -> float:
    session = ort.InferenceSession(
        graph, session_options(threads=1), providers=["CPUExecutionProvider"]
    )
    binding = session.io_binding()
    binding.bind_cpu_input("x", operand)
    binding.bind_output("y", "cpu")
    return min(timed(lambda: session.run_with_iobinding(binding), seconds))


def _operand(product: Product, rows: int) -> Array:
    draw = np.random.default_rng(1)
    shape = (rows, product.inputs)
    if product.precision == "int8":
        return draw.integers(0, 256, shape, np.uint8)
    return draw.standard_normal(shape, np.float32)


def _product_graph(product: Product) -> bytes:
    """One node, multiplying as the decoder's graph does."""
    graph, draw = GraphWriter(), np.random.default_rng(2)
    if product.precision == "int8":
        shape = (product.inputs, product.outputs)
        graph.input("x", UINT8, ["rows", product.inputs])
        # From -63 to 63, as the weights of bundles are (products.py).
        weight = graph.weight("w", draw.integers(-63, 64, shape, np.int8))
        step = graph.weight("step", np.float32(0.01))
        scale = graph.weight("scale", np.full(product.outputs, 0.01, np.float32))
        zero = graph.weight("zero", np.uint8(128))
        operands = ("x", weight, step, scale, zero)
        graph.node("MatMulIntegerToFloat", *operands, domain=CONTRIB, results="y")
    else:
        shape = (product.outputs, product.inputs)
        graph.input("x", FLOAT, ["rows", product.inputs])
        weight = graph.weight("w", draw.standard_normal(shape, np.float32))
        graph.node("Gemm", "x", weight, transB=1, results="y")
    graph.output("y", FLOAT, ["rows", product.outputs])
    return graph.model().SerializeToString()


def _empty_graph() -> bytes:
    graph = GraphWriter()
    graph.input("x", FLOAT, [1, 1])
    graph.node("Neg", "x", results="y")
    graph.output("y", FLOAT, [1, 1])
    return graph.model().SerializeToString()
