"""Everything once, with real processes, on a model that is next to nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.commands import BENCHMARKS
from benchmarks.figures import (
    Figures,
    LatencyCell,
    OfflineCell,
    OverheadCell,
    ServingCell,
)

ROOT = Path(__file__).parents[2]


def benchmarks(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=ROOT,
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So that the model is made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def figures(cache: Path) -> Figures:
    done = benchmarks(
        *("all", "--models", "minimal", "--precisions", "fp32", "--beams", "1"),
        *("--rounds", "1", "--round-seconds", "0.05", "--sweep", "never"),
        *("--cache", cache, "--json", cache / "figures.json"),
    )
    assert done.returncode == 0, done.stderr
    read = Figures.read(cache / "figures.json")
    assert read.machine in done.stdout
    return read


def test_every_benchmark_has_its_cells(figures: Figures) -> None:
    assert list(dict.fromkeys(each.benchmark for each in figures.cells)) == [
        *BENCHMARKS
    ]
    for cell in figures.cells:
        assert (cell.model, cell.precision, cell.search) == (
            "minimal",
            "fp32",
            "greedy",
        )


def test_both_engines_translate_the_same_and_the_ratio_is_theirs(
    figures: Figures,
) -> None:
    for cell in figures.cells:
        if isinstance(cell, OfflineCell):
            assert cell.equal == cell.sentences >= 64
            assert cell.ours and cell.theirs
            assert cell.ratio == pytest.approx(cell.ours / cell.theirs)
        if isinstance(cell, LatencyCell):
            assert cell.equal == cell.sentences
            assert cell.ours and cell.theirs
            assert cell.ratio == pytest.approx(cell.theirs / cell.ours)
            assert cell.ours <= cell.our_p99


def test_servers_of_both_kinds_are_loaded_until_they_drown(figures: Figures) -> None:
    [cell] = [each for each in figures.cells if isinstance(each, ServingCell)]

    for points in (cell.our_points, cell.their_points):
        rates = [point.rate for point in points]
        assert rates == sorted(rates)
        assert all(point.within > 0 for point in points[:1])
    assert cell.our_memory.resident > 0 < cell.their_memory.resident


def test_a_calls_time_is_accounted_for(figures: Figures) -> None:
    cells = [each for each in figures.cells if isinstance(each, OverheadCell)]

    for cell in cells:
        assert cell.ours is not None and 0 < cell.ours < 1
        parts = [cell.decoder, cell.encoder, cell.choosing, cell.rows]
        parts += [cell.scheduling, cell.runner]
        assert min(parts) > 0
        assert sum(parts) < 1.01
    assert [(each.callers, each.texts_per_call) for each in cells] == [(8, 1), (1, 8)]


def test_a_mistake_is_one_line_and_exit_status_two(tmp_path: Path) -> None:
    for option, value in (
        ("--models", "huge"),
        ("--peers", "somebody"),
        ("--beams", "x"),
        ("--text", "nowhere"),
    ):
        done = benchmarks("offline", option, value, "--cache", tmp_path)

        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert value in done.stderr
