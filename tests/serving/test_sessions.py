"""How many engines, and how many threads each."""

import pytest

from onnxlate.bundle import Bundle
from onnxlate.errors import ConfigError
from onnxlate_serving.config import (
    FEW,
    FEWER,
    FULL,
    RuntimeConfig,
    SchedulerConfig,
)
from onnxlate_serving.engines import build_engines
from onnxlate_serving.sessions import Sessions, few_at_once, layout, rows_at_once

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


@pytest.mark.parametrize(
    ("width", "cache_bytes", "expected"),
    [
        (NARROW, 512 * 1024, FEWER),
        (NARROW, 1024 * 1024, FULL),
        (NARROW, 0, FULL),  # nobody knows
        (WIDE, 512 * 1024, FULL),  # its weights are what does not fit
    ],
)
def test_small_caches_want_fewer_rows_of_narrow_models(
    width: int, cache_bytes: int, expected: int
) -> None:
    assert rows_at_once(width, cache_bytes) == expected


@pytest.mark.parametrize(
    ("width", "processor", "expected"),
    [
        (NARROW, "avx2", 1),
        (NARROW, "vnni", FEW),
        (NARROW, "", FEW),  # onnxruntime
        (WIDE, "avx2", FEW),  # its weights are read once for all of them
    ],
)
def test_without_avx512_each_row_of_a_narrow_model_costs_the_same(
    width: int, processor: str, expected: int
) -> None:
    assert few_at_once(width, processor) == expected


@pytest.mark.parametrize(
    ("given", "widest", "expected"), [(None, 1, None), (None, 40, 40), (12, 8, 12)]
)
def test_there_are_rows_for_the_widest_beam_unless_it_is_said_how_many(
    bundle: Bundle, given: int | None, widest: int, expected: int | None
) -> None:
    sessions = Sessions(bundle, RuntimeConfig(device="cpu", workers=1))
    config = SchedulerConfig(max_rows=given)

    [engine] = build_engines(bundle, sessions, config, widest)

    assert engine.state().max_rows == (expected or sessions.rows)


def test_graphs_made_for_cpus_are_not_put_on_a_gpu(bundle: Bundle) -> None:
    manifest = bundle.manifest.model_copy(update={"operators": "onnxruntime"})
    ours = Bundle(bundle.path, manifest)

    assert Sessions(ours, RuntimeConfig(device="auto")).device == "cpu"
    with pytest.raises(ConfigError, match="exported for CPUs"):
        Sessions(ours, RuntimeConfig(device="cuda"))
