"""Log-probabilities by onnxruntime: twice as quick as numpy, and without its lock."""

from importlib.resources import files

import numpy as np
import onnxruntime as ort

from onnxlate.candidates import along
from onnxlate.search import Floats, Ints

from .binding import bind_array_input, bind_array_output


class OrtLogProbs:
    """Normalises whole rows into memory of its own; (max_rows, vocabulary)."""

    def __init__(self, max_rows: int, vocabulary: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        graph = files("onnxlate_serving").joinpath("graphs", "log_softmax.onnx")
        self._session = ort.InferenceSession(
            graph.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        self._binding = self._session.io_binding()
        self._log_probs = np.zeros((max_rows, vocabulary), np.float32)

    def of(self, logits: Floats, tokens: Ints) -> Floats:
        """(R, V), (R, C) -> (R, C)."""
        log_probs = self._log_probs[: len(logits)]
        bind_array_input(self._binding, "logits", logits)
        bind_array_output(self._binding, "log_probs", log_probs)
        self._session.run_with_iobinding(self._binding)
        return along(log_probs, tokens)
