"""The decoder's caches where numpy cannot reach: moved by onnxruntime itself.

Rows are gathered, joined and resized by graphs of one operator each, on the very
device that decodes. Nothing is computed, so values travel as 32-bit words whatever
they are, and three graphs serve every precision. On the device "cpu" all of this
runs as well, which is how it is tested without a GPU.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from onnxlate.bundle import ModelInfo
from onnxlate.errors import BundleError

from .native.library import Copy

WORD = 4  # bytes

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def open_graph(name: str, device: str) -> ort.InferenceSession:
    """One of those that serving/make_row_graphs.py writes."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors; its users are not who wrote the graphs
    graph = files("onnxlate_serving").joinpath("graphs", f"{name}.onnx")
    return ort.InferenceSession(
        graph.read_bytes(), options, providers=[PROVIDERS[device]]
    )


class RowGraphs:
    """The operators on blocks, as sessions on one device."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._sessions = {
            name: open_graph(name, device)
            for name in ("gather", "join", "grow", "cut", "zeros")
        }

    def gather(self, block: ort.OrtValue, rows: Sequence[int]) -> ort.OrtValue:
        """(K, R, H, L, W), N row numbers -> (K, N, H, L, W)."""
        return self._run("gather", {"block": block}, {"rows": rows})

    def join(self, front: ort.OrtValue, back: ort.OrtValue) -> ort.OrtValue:
        """The rows of two blocks, one behind the other."""
        return self._run("join", {"front": front, "back": back}, {})

    def resize(self, block: ort.OrtValue, length: int) -> ort.OrtValue:
        """Zeros behind the positions, or the last ones gone."""
        k, r, h, old, w = block.shape()
        if length <= old:
            return self._run("cut", {"block": block}, {"length": (length,)})
        more = (k, r, h, length - old, w)
        return self._run("grow", {"block": block}, {"more": more})

    def zeros(self, shape: Sequence[int]) -> ort.OrtValue:
        return self._run("zeros", {}, {"shape": shape})

    def _run(
        self,
        name: str,
        blocks: dict[str, ort.OrtValue],
        numbers: Mapping[str, Sequence[int]],
    ) -> ort.OrtValue:
        session = self._sessions[name]
        binding = session.io_binding()
        for key, block in blocks.items():
            binding.bind_ortvalue_input(key, block)
        for key, value in numbers.items():
            binding.bind_cpu_input(key, np.array(value, dtype=np.int64))
        binding.bind_output("result", self.device)
        session.run_with_iobinding(binding)
        return binding.get_outputs()[0]


class DeviceBlock:
    """On a device; every change makes a new block of exactly the live rows."""

    def __init__(self, value: ort.OrtValue, graphs: RowGraphs) -> None:
        self._value = value  # (K, R, H, L, W), W words for E numbers
        self._graphs = graphs

    @property
    def device(self) -> str:
        return self._graphs.device

    @property
    def length(self) -> int:
        return int(self._shape[3])

    @property
    def spare_length(self) -> int:
        return self.length

    def release(self) -> None:
        """It is laid out in new memory anyway."""

    def pointer(self, index: int) -> int:
        entry = int(np.prod(self._shape[1:])) * WORD
        return int(self._value.data_ptr()) + index * entry

    def lay_out(self, num_rows: int, length: int) -> None:
        k, _, h, _, w = self._shape
        self._value = self._graphs.zeros((k, num_rows, h, length, w))

    def reserve(self, num_rows: int) -> None:
        k, r, h, length, w = self._shape
        if num_rows > r:
            more = self._graphs.zeros((k, num_rows - r, h, length, w))
            self._value = self._graphs.join(self._value, more) if r else more

    def put(self, first_row: int, newcomers: "DeviceBlock", times: int) -> None:
        back = newcomers._value
        if times > 1:
            rows = [row for row in range(back.shape()[1]) for _ in range(times)]
            back = self._graphs.gather(back, rows)
        if newcomers.length != self.length:
            back = self._graphs.resize(back, self.length)
        if first_row == 0:
            self._value = back
            return
        front = self._value
        if first_row != front.shape()[1]:
            front = self._graphs.gather(front, range(first_row))
        self._value = self._graphs.join(front, back)

    def copy(
        self, copies: Sequence[Copy], num_rows: int, lengths: Sequence[int]
    ) -> None:
        origins = list(range(max(num_rows, self._shape[1])))
        for source, destination in copies:
            origins[destination] = origins[source]
        self._value = self._graphs.gather(self._value, origins[:num_rows])

    def resize(self, length: int, num_rows: int) -> None:
        self._value = self._graphs.resize(self._value, length)

    @property
    def _shape(self) -> list[int]:
        shape: list[int] = self._value.shape()
        return shape


class DeviceStorage:
    def __init__(
        self, model: ModelInfo, dtype: npt.DTypeLike, graphs: RowGraphs
    ) -> None:
        self._model = model
        self._graphs = graphs
        self.device = graphs.device
        self._words, rest = divmod(model.head_width * np.dtype(dtype).itemsize, WORD)
        if rest:
            raise BundleError(
                f"head_width is {model.head_width}; a device needs an even number"
            )

    def zeros(self, num_rows: int, length: int) -> DeviceBlock:
        model = self._model
        layers = 2 * model.decoder_layers
        # To fill nothing at all is an error on CUDA.
        rows, room = max(1, num_rows), max(1, length)
        shape = (layers, rows, model.heads, room, self._words)
        return DeviceBlock(self._graphs.zeros(shape), self._graphs)
