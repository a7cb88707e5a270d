"""The two graphs as a Stepper, so that the decoding loop of training runs on them.

For the gate, for tests and for `onnxlate inspect`; serving has an engine of its own.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from onnxlate.errors import BundleError
from onnxlate.search import Floats, Ints
from onnxlate_training.decode import Bools, grown

Array = npt.NDArray[Any]

JUNK = 1e3
"""What caches hold where nothing was written: it must make no difference."""


class OrtStepper:
    """encoder.onnx and decoder.onnx on the CPU."""

    def __init__(
        self, encoder: Path | bytes, decoder: Path | bytes, threads: int = 0
    ) -> None:
        """Raises BundleError if onnxruntime does not load one of them."""
        self.encoder = open_session(encoder, threads)
        self.decoder = open_session(decoder, threads)

    def start(self, source_ids: Ints, source_visible: Bools) -> "OrtRows":
        names = [output.name for output in self.encoder.get_outputs()]
        inputs = {"source_ids": source_ids, "source_visible": source_visible}
        outputs = self.encoder.run(names, inputs)
        cross = dict(zip(names, outputs, strict=True))
        return OrtRows(self.decoder, source_visible, cross)


class OrtRows:
    """The caches of a batch; all rows are of one age, the number of steps so far."""

    def __init__(
        self,
        decoder: onnxruntime.InferenceSession,
        source_visible: Bools,
        cross: dict[str, Array],
    ) -> None:
        self._decoder = decoder
        # By name, of what goes in: source_visible (R, S), cross_* (R, H, S, E).
        self._source: dict[str, Array] = {"source_visible": source_visible, **cross}
        # past_* (R, H, C, E)
        self._past = {
            name.replace("cross", "past"): each[:, :, :0]
            for name, each in cross.items()
        }
        self._vocabulary: int = decoder.get_outputs()[0].shape[1]
        self._age = 0

    def step(self, tokens: Ints) -> Floats:
        self._age += 1
        self._make_room()
        capacity = next(iter(self._past.values())).shape[2]
        visible = np.arange(capacity) < self._age
        inputs = {
            "target_ids": tokens,
            "target_visible": np.tile(visible, (len(tokens), 1)),
            **self._source,
            **self._past,
        }
        logits = np.empty((len(tokens), self._vocabulary), dtype=np.float32)
        binding = self._decoder.io_binding()
        for name, array in inputs.items():
            inputs[name] = array = np.ascontiguousarray(array)
            binding.bind_input(
                name, "cpu", 0, array.dtype, array.shape, array.ctypes.data
            )
        outputs = {"logits": logits} | {
            # One buffer for past and present, as a server has it.
            name.replace("past", "present"): inputs[name]
            for name in self._past
        }
        for name, array in outputs.items():
            binding.bind_output(
                name, "cpu", 0, array.dtype, array.shape, array.ctypes.data
            )
        self._decoder.run_with_iobinding(binding)
        self._past = {name: inputs[name] for name in self._past}
        return logits

    def gather(self, parents: Ints) -> None:
        if np.array_equal(parents, np.arange(len(self._source["source_visible"]))):
            return
        self._source = {name: each[parents] for name, each in self._source.items()}
        self._past = {name: each[parents] for name, each in self._past.items()}

    def _make_room(self) -> None:
        capacity = next(iter(self._past.values())).shape[2]
        more = grown(capacity, self._age) - capacity
        if more:
            widths = ((0, 0), (0, 0), (0, more), (0, 0))
            self._past = {
                name: np.pad(each, widths, constant_values=JUNK)
                for name, each in self._past.items()
            }


def open_session(graph: Path | bytes, threads: int) -> onnxruntime.InferenceSession:
    """One graph on the CPU; raises BundleError if onnxruntime does not load it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = graph if isinstance(graph, bytes) else str(graph)
    try:
        return onnxruntime.InferenceSession(
            source, options, providers=["CPUExecutionProvider"]
        )
    except Exception as cause:  # onnxruntime's errors have no common class
        name = "the graph" if isinstance(graph, bytes) else graph.name
        raise BundleError(f"onnxruntime does not load {name}") from cause
