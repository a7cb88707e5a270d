"""The generator's weights are one file, and nothing else is taken for them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from onnxlate_export.export import export_bundle
from onnxlate_export.stepper import OrtStepper
from onnxlate_serving.config import RuntimeConfig
from onnxlate_serving.sessions import Sessions
from onnxlate_training.checkpoint import LoadedModel

from .models import SMALL, random_model
from .tables import run, step_inputs

SOURCE = {
    "source_ids": np.array([[9, 8, 7, 3]]),
    "source_visible": np.ones((1, 4), np.bool_),
}


@pytest.mark.parametrize("tying", ["none", "output", "all"])
def test_a_server_reads_the_tables_that_the_gate_read(
    loaded: LoadedModel, tmp_path: Path, tying: str
) -> None:
    config = SMALL.model_copy(update={"tying": tying})
    untied = replace(loaded, model=random_model(config))
    bundle = export_bundle(untied, tmp_path / "bundle", "fp32", max_sentences=4)
    assert bundle.generator is not None

    by_itself = OrtStepper(bundle.encoder, bundle.decoder, threads=1)
    served = Sessions(bundle, RuntimeConfig(device="cpu", threads=1))

    for one, other, inputs in (
        (by_itself.encoder, served.encoder, SOURCE),
        (by_itself.decoder, served.decoder, step_inputs(by_itself.decoder, rows=3)),
    ):
        expected, found = run(one, inputs), run(other, inputs)
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array)
