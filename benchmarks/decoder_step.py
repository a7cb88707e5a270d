"""One step of a bundle's decoder by itself: what is in it, and how long it takes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto

from onnxlate.bundle import Bundle
from onnxlate_serving.binding import CacheBinder
from onnxlate_serving.block import HostStorage
from onnxlate_serving.config import RuntimeConfig
from onnxlate_serving.decoder import Decoder, NativeDecoder, OrtDecoder
from onnxlate_serving.decoder_state import DecoderState
from onnxlate_serving.screen import Screen
from onnxlate_serving.sessions import Sessions

from .limits import Product, timed

POSITIONS = 24
"""Of sources and of targets so far: a sentence of ordinary length, half translated."""

TOKEN_ID = 5


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
        model = bundle.manifest.model
        runtime = RuntimeConfig(device="cpu", workers=1, threads=1)
        sessions = Sessions(bundle, runtime)
        storage = HostStorage(model, np.float32)
        self._state = DecoderState(CacheBinder(model, np.float32), storage, rows)
        cross = storage.zeros(rows, POSITIONS)
        cross.array[...] = np.random.default_rng(3).standard_normal(
            cross.array.shape, np.float32
        )
        self._state.join(cross, [POSITIONS] * rows, TOKEN_ID)
        for _ in range(POSITIONS):
            self._state.advance()
        generator = sessions.generator
        if sessions.native:
            self._decoder: Decoder = NativeDecoder(
                sessions.native, bundle.manifest, rows, generator
            )
            self.rough = generator is not None
        else:
            screen = None if generator is None else Screen(generator, rows)
            self._decoder = OrtDecoder(sessions.decoder, rows, screen)
            self.rough = screen is not None and screen.pays(rows)
        self._sessions = sessions  # which own weights that the graphs refer to
        self.cache_bytes = (
            2
            * 2
            * model.decoder_layers
            * rows
            * POSITIONS
            * 4
            * (model.heads * model.head_width)
        )
        """Keys and values that a step reads, of sources and targets."""

    def seconds(self, seconds: float) -> list[float]:
        """What each step took, for about so many seconds."""
        return timed(lambda: self._decoder.run(self._state, exact=False), seconds)
