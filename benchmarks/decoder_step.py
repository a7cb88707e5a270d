"""One step of a bundle's decoder by itself: what is in it, and how long it takes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import NodeProto, TensorProto

from onnxlate.bundle import Bundle, TensorInfo
from onnxlate_serving.config import RuntimeConfig
from onnxlate_serving.screen import Screen
from onnxlate_serving.sessions import Sessions

from .limits import Product, timed

POSITIONS = 24
"""Of sources and of targets so far: a sentence of ordinary length, half translated."""

TOKEN_ID = 5

Array = npt.NDArray[np.generic]


def products_of(decoder: Path, rough: bool = False) -> list[Product]:
    """Every matrix of weights that a step multiplies with; in int8 each operand is a
    byte. `rough` says how the last one is done, where there is a choice."""
    graph = onnx.load(decoder, load_external_data=False).graph
    return list(_products([graph, *_branches(graph, rough)]))


def _branches(graph: onnx.GraphProto, rough: bool) -> Iterator[onnx.GraphProto]:
    wanted = "then_branch" if rough else "else_branch"
    for node in graph.node:
        for each in node.attribute:
            if each.name == wanted:
                yield each.g


def _products(graphs: Sequence[onnx.GraphProto]) -> Iterator[Product]:
    """Matrices that are more than looked up."""
    tensors = [each for graph in graphs for each in graph.initializer]
    matrices = {each.name: each for each in tensors if len(each.dims) == 2}
    for node in (node for graph in graphs for node in graph.node):
        if node.op_type == "Gather":
            continue
        for name in node.input:
            if weight := matrices.pop(name, None):
                yield _product(node, weight)


def _product(node: NodeProto, weight: TensorProto) -> Product:
    inputs, outputs = weight.dims
    transposed = any(each.name == "transB" and each.i for each in node.attribute)
    if transposed or node.op_type == "Transpose":
        inputs, outputs = outputs, inputs
    is_float = weight.data_type == TensorProto.FLOAT
    return Product(inputs, outputs, "fp32" if is_float else "int8")


class DecoderStep:
    """A decoder in one thread with everything bound, in place, as the engine has it."""

    def __init__(self, bundle: Bundle, rows: int) -> None:
        """Scores roughly where the engine would."""
        runtime = RuntimeConfig(device="cpu", workers=1, threads=1)
        sessions = Sessions(bundle, runtime)
        self._session = sessions.decoder
        decoder = bundle.manifest.decoder
        self._sizes = {
            **{"rows": rows, "sentences": rows},
            **{"capacity": POSITIONS, "source": POSITIONS},
        }
        self._arrays = {each.name: self._filled(each) for each in decoder.inputs}
        for each in decoder.outputs:
            # The present is written where the past is read.
            past = self._arrays.get(each.name.replace("present", "past"))
            self._arrays[each.name] = self._filled(each) if past is None else past
        generator = sessions.generator
        self._screen = None if generator is None else Screen(generator, rows)
        self.rough = self._screen is not None and self._screen.pays(rows)
        self._binding = self._session.io_binding()
        for each in decoder.inputs:
            _bind(self._binding.bind_input, each.name, self._arrays[each.name])
        for each in decoder.outputs:
            _bind(self._binding.bind_output, each.name, self._arrays[each.name])
        if self._screen:
            self._screen.bind(self._binding, rows, self.rough)

    @property
    def cache_bytes(self) -> int:
        """Keys and values that a step reads, of sources and targets."""
        caches = ("cross_", "past_")
        return sum(
            array.nbytes
            for name, array in self._arrays.items()
            if name.startswith(caches)
        )

    def seconds(self, seconds: float) -> list[float]:
        """What each step took, for about so many seconds."""
        return timed(lambda: self._session.run_with_iobinding(self._binding), seconds)

    def _filled(self, tensor: TensorInfo) -> Array:
        shape = [
            axis if isinstance(axis, int) else self._sizes[axis] for axis in tensor.axes
        ]
        if tensor.dtype == "int64":
            return np.full(shape, TOKEN_ID, np.int64)
        if tensor.dtype == "bool":
            return np.ones(shape, np.bool_)
        draw = np.random.default_rng(3)
        return draw.standard_normal(shape, np.float32).astype(tensor.dtype)


def _bind(bind: ort.IOBinding, name: str, array: Array) -> None:
    bind(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
