"""How many engines, and how many threads each."""

import pytest

from onnxlate.bundle import Bundle
from onnxlate.errors import ConfigError
from onnxlate_serving.config import RuntimeConfig
from onnxlate_serving.sessions import Sessions, layout

NARROW, WIDE = 128, 512


@pytest.mark.parametrize(
    ("width", "cpus", "expected"),
    [
        (NARROW, 1, (1, 1)),
        (NARROW, 8, (8, 1)),
        (WIDE, 1, (1, 1)),
        (WIDE, 2, (1, 2)),
        (WIDE, 8, (4, 2)),
        (WIDE, 3, (1, 2)),
    ],
)
def test_narrow_models_share_out_sentences_and_wide_ones_steps(
    width: int, cpus: int, expected: tuple[int, int]
) -> None:
    assert layout(RuntimeConfig(), width, cpus) == expected


@pytest.mark.parametrize(
    ("given", "width", "expected"),
    [
        (RuntimeConfig(workers=2), WIDE, (2, 4)),
        (RuntimeConfig(workers=2), NARROW, (2, 1)),
        (RuntimeConfig(threads=4), WIDE, (2, 4)),
        (RuntimeConfig(threads=4), NARROW, (2, 4)),
        (RuntimeConfig(workers=3, threads=5), WIDE, (3, 5)),
        (RuntimeConfig(workers=20), WIDE, (20, 1)),
    ],
)
def test_what_the_operator_says_goes_and_the_rest_follows(
    given: RuntimeConfig, width: int, expected: tuple[int, int]
) -> None:
    assert layout(given, width, cpus=8) == expected


def test_graphs_made_for_cpus_are_not_put_on_a_gpu(bundle: Bundle) -> None:
    manifest = bundle.manifest.model_copy(update={"operators": "onnxruntime"})
    ours = Bundle(bundle.path, manifest)

    assert Sessions(ours, RuntimeConfig(device="auto")).device == "cpu"
    with pytest.raises(ConfigError, match="exported for CPUs"):
        Sessions(ours, RuntimeConfig(device="cuda"))
