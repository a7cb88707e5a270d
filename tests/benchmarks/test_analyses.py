"""Where a step's time could go at best, and what it costs to grow."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.analysis_cells import FootprintCell, ScalingCell
from benchmarks.decoder_step import products_of
from benchmarks.floor import ROWS, floor
from benchmarks.limits import Product, product_seconds, read_seconds, timed
from benchmarks.scaling import Axes, scaling
from benchmarks.suite import Suite
from benchmarks.timing_models import Precision
from onnxlate_export.writer import FLOAT, INT64, GraphWriter
from onnxlate_serving.native.library import library

WIDTH, FEED_FORWARD, VOCABULARY = 16, 32, 400
"""Of the model that is next to nothing; it has one layer."""


def test_a_step_is_measured_beside_what_it_reads_and_multiplies(suite: Suite) -> None:
    cells = list(floor(suite))

    assert [(each.precision, each.batch) for each in cells] == [
        (precision, rows) for precision in suite.precisions for rows in ROWS
    ]
    # Queries, keys, values and outputs; query and output of the cross-attention.
    attention = (4 + 2) * WIDTH * WIDTH
    scores = WIDTH * VOCABULARY
    num_weights = attention + 2 * WIDTH * FEED_FORWARD + scores
    for cell in cells:
        expected = num_weights
        if cell.precision == "fp32":
            # By our own programs, rough scores in int8 always pay.
            expected = 4 * num_weights - (3 * scores if library() else 0)
        assert cell.weight_bytes == expected
        assert cell.bytes > cell.weight_bytes
        assert cell.flops == 2 * num_weights * (cell.batch or 0)
        assert cell.floor_ms == max(cell.memory_ms, cell.compute_ms) > 0
        assert cell.near == pytest.approx(cell.floor_ms / cell.measured_ms)


def test_one_thing_is_varied_at_a_time_and_both_engines_are_asked(suite: Suite) -> None:
    axes = Axes(
        batches=(1, 4), source_lengths=(8,), beam_sizes=(2,), vocabularies=(500,)
    )
    one = replace(suite, precisions=("fp32",))

    cells = list(scaling(one, axes))

    points = [each for each in cells if isinstance(each, ScalingCell)]
    assert [
        (each.varied, each.value, each.batch, each.search, each.vocabulary)
        for each in points
    ] == [
        ("batch", 1, 1, "greedy", VOCABULARY),
        ("batch", 4, 4, "greedy", VOCABULARY),
        ("source tokens", 8, 16, "greedy", VOCABULARY),
        ("beam size", 2, 16, "beam 2", VOCABULARY),
        ("vocabulary", 500, 16, "greedy", 500),
    ]
    for cell in points:
        assert cell.ours and cell.theirs and cell.batch
        assert cell.ratio == pytest.approx(cell.ours / cell.theirs)
        assert cell.our_ms == pytest.approx(1000 * cell.batch / cell.ours)
    [footprint] = [each for each in cells if isinstance(each, FootprintCell)]
    assert footprint.our_memory.resident > 0 < footprint.their_memory.resident
    assert footprint.our_startup_s > 0 < footprint.their_startup_s


def test_matrices_that_are_only_looked_up_are_not_multiplied_with(
    tmp_path: Path,
) -> None:
    draw, graph = np.random.default_rng(0), GraphWriter()
    graph.input("ids", INT64, ["rows"])
    table = graph.weight("table", draw.random((7, 3), np.float32))
    found = graph.node("Gather", table, "ids")
    weight = graph.weight("weight", draw.random((5, 3), np.float32))
    graph.node("Gemm", found, weight, transB=1, results="y")
    graph.output("y", FLOAT, ["rows", 5])
    (tmp_path / "x.onnx").write_bytes(graph.model().SerializeToString())

    assert products_of(tmp_path / "x.onnx") == [Product(3, 5, "fp32")]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_more_rows_take_longer(precision: Precision) -> None:
    product = Product(inputs=256, outputs=256, precision=precision)

    few, many = (product_seconds(product, rows, 0.01) for rows in (1, 256))

    assert 0 < few < many


def test_more_bytes_take_longer() -> None:
    assert 0 < read_seconds(10_000, 0.01) < read_seconds(10_000_000, 0.01)


def test_the_first_run_does_not_count() -> None:
    calls: list[int] = []

    took = timed(lambda: calls.append(1), seconds=0)

    assert len(calls) == len(took) + 1
