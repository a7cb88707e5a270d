"""The search for a peer's best settings, and its memory."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.commands import Benchmark, check_device
from benchmarks.latency import latency
from benchmarks.offline import offline
from benchmarks.serving import serving
from benchmarks.settings import CTranslate2Settings, OursSettings
from benchmarks.suite import Suite, SweepWhen
from benchmarks.timing_models import Precision
from onnxlate.errors import ConfigError


def suite(cache: Path, sweep: SweepWhen) -> Suite:
    return Suite(
        texts=["one", "two"],
        text_name="two words",
        cache=cache,
        model_names=(),
        run=None,
        data=None,
        precisions=("fp32",),
        beam_sizes=(1,),
        rounds=1,
        round_seconds=0.01,
        ours=OursSettings(model=cache),
        sweep=sweep,
        sweep_seconds=0.01,
        limit_ms=None,
        console=Console(quiet=True),
    )


FIRST = CTranslate2Settings(model=Path("model"))
BETTER = CTranslate2Settings(model=Path("model"), inter_threads=2)


def never() -> CTranslate2Settings:
    pytest.fail("it was known, or not wanted")


def test_what_was_found_is_found_once(tmp_path: Path) -> None:
    missing = suite(tmp_path, SweepWhen.missing)

    assert missing.kept("offline", FIRST, lambda: BETTER) == BETTER
    assert missing.kept("offline", FIRST, never) == BETTER
    assert missing.kept("latency", FIRST, lambda: FIRST) == FIRST


def test_it_can_be_looked_for_anew_and_not_at_all(tmp_path: Path) -> None:
    anew, not_at_all = suite(tmp_path, SweepWhen.anew), suite(tmp_path, SweepWhen.never)

    anew.kept("offline", FIRST, lambda: FIRST)

    assert anew.kept("offline", FIRST, lambda: BETTER) == BETTER
    assert not_at_all.kept("offline", FIRST, never) == FIRST


def on_gpu(cache: Path, precision: Precision) -> Suite:
    ours = OursSettings(model=cache, device="cuda")
    return replace(suite(cache, SweepWhen.never), ours=ours, precisions=(precision,))


@pytest.mark.parametrize("benchmark", [offline, latency])
def test_both_sides_compute_on_a_gpu(benchmark: Benchmark, tmp_path: Path) -> None:
    check_device(on_gpu(tmp_path, "fp16"), [benchmark])


def test_nobody_is_compared_with_who_computes_elsewhere(tmp_path: Path) -> None:
    on_cpu, gpu = suite(tmp_path, SweepWhen.never), on_gpu(tmp_path, "fp16")
    for given, benchmark in (
        (replace(on_cpu, precisions=("fp16",)), offline),
        (on_gpu(tmp_path, "int8"), offline),
        (gpu, serving),
        (replace(gpu, peers=("ctranslate2", "pytorch")), latency),
    ):
        with pytest.raises(ConfigError, match="--device"):
            check_device(given, [benchmark])
