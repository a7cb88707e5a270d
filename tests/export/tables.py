"""A pair of graphs, and the inputs of one decoding step by name."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from onnxlate_export.stepper import OrtStepper

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Graphs:
    encoder: onnx.ModelProto
    decoder: onnx.ModelProto
    _steppers: list[OrtStepper] = field(default_factory=list)

    @property
    def uses_onnxruntime(self) -> bool:
        """Whether it has operators that the standard does not know."""
        return any(each.domain for each in self.decoder.opset_import)

    @property
    def stepper(self) -> OrtStepper:
        if not self._steppers:
            encoder = self.encoder.SerializeToString()
            decoder = self.decoder.SerializeToString()
            self._steppers.append(OrtStepper(encoder, decoder, threads=1))
        return self._steppers[0]


def run(session: onnxruntime.InferenceSession, inputs: Arrays) -> Arrays:
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def step_inputs(
    session: onnxruntime.InferenceSession,
    rows: int,
    source: int = 6,
    capacity: int = 9,
    seed: int = 0,
) -> Arrays:
    """One step of rows of any age, with random caches; row r has written r + 1."""
    rng = np.random.default_rng(seed)
    sizes = {"rows": rows, "source": source, "capacity": capacity}
    sizes["sentences"] = rows  # greedy: a row each
    inputs: Arrays = {
        each.name: rng.standard_normal(
            [sizes.get(axis, axis) for axis in each.shape]
        ).astype(np.float32)
        for each in session.get_inputs()
        if each.type == "tensor(float)"
    }
    ages = 1 + np.arange(rows) % capacity
    lengths = 1 + np.arange(rows) % source
    inputs["target_ids"] = 4 + np.arange(rows, dtype=np.int64) % 50
    inputs["target_visible"] = np.arange(capacity) < ages[:, None]
    inputs["source_visible"] = np.arange(source) < lengths[:, None]
    return inputs


def rows_of(inputs: Arrays, rows: slice) -> Arrays:
    return {name: each[rows] for name, each in inputs.items()}
