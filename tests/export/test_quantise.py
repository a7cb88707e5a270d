"""int8: a quarter of the size, close to fp32, and each row on its own."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxlate_export.graphs import decoder_graph
from onnxlate_export.quantise import WEIGHT_RANGE, quantised
from onnxlate_export.stepper import OrtStepper
from onnxlate_training.model import SIZES

from .models import random_model
from .tables import Graphs, rows_of, run, step_inputs


def product(weight: list[list[float]]) -> onnx.ModelProto:
    """y = x @ weight, nothing else."""
    matrix = np.array(weight, np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"], name="product")],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", len(matrix)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", None])],
        [numpy_helper.from_array(matrix, "weight")],
    )
    opset = helper.make_opsetid("", 21)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10)


def times(model: onnx.ModelProto, x: list[list[float]]) -> list[list[float]]:
    content = quantised(model).SerializeToString()
    session = OrtStepper(content, content, threads=1).encoder
    found: list[list[float]] = session.run(None, {"x": np.array(x, np.float32)})[0]
    return np.asarray(found).tolist()


def test_every_row_is_measured_with_a_rule_of_its_own() -> None:
    # 63 and 127 steps hold these numbers without a rest.
    identity = product([[63, 0], [0, 63]])

    small, large = times(identity, [[1.27, 0.01], [12700, -100]])

    assert small == pytest.approx([1.27 * 63, 0.01 * 63], rel=1e-6)
    assert large == pytest.approx([12700 * 63, -100 * 63], rel=1e-6)


def test_every_output_channel_is_measured_with_a_rule_of_its_own() -> None:
    (row,) = times(product([[63, 0.063], [1, 0.001]]), [[1, 1]])

    assert row == pytest.approx([64, 0.064], rel=1e-6)


def test_a_row_of_zeros_and_a_channel_of_zeros_are_zero() -> None:
    zeros, ones = times(product([[63, 0], [63, 0]]), [[0, 0], [1, 1]])

    assert zeros == [0, 0]
    assert ones == pytest.approx([126, 0])


def test_products_of_pairs_fit_sixteen_bits() -> None:
    """What AVX2 without VNNI adds up: two products of u8 and s8."""
    largest_sum = 2 * 255 * WEIGHT_RANGE

    assert largest_sum <= np.iinfo(np.int16).max


def test_a_row_is_bitwise_the_same_alone_and_in_any_company(
    int8_graphs: Graphs,
) -> None:
    decoder = int8_graphs.stepper.decoder
    inputs = step_inputs(decoder, rows=9)
    inputs["cross_values_0"][3] *= 1e4  # a loud neighbour

    together = run(decoder, inputs)
    for rows in (slice(0, 1), slice(4, 5), slice(1, 4), slice(4, 9)):
        fewer = run(decoder, rows_of(inputs, rows))
        for name, each in fewer.items():
            assert each.tobytes() == together[name][rows].tobytes(), (name, rows)


def test_a_sentence_is_encoded_bitwise_the_same_in_any_company(
    int8_graphs: Graphs,
) -> None:
    encoder = int8_graphs.stepper.encoder
    ids = np.random.default_rng(0).integers(4, 60, (5, 7))
    inputs = {"source_ids": ids, "source_visible": np.ones((5, 7), np.bool_)}

    together = run(encoder, inputs)
    alone = run(encoder, rows_of(inputs, slice(2, 3)))

    for name, each in alone.items():
        assert each.tobytes() == together[name][2:3].tobytes()


def test_it_stays_close_to_fp32(graphs: Graphs, int8_graphs: Graphs) -> None:
    inputs = step_inputs(graphs.stepper.decoder, rows=8)

    exact = run(graphs.stepper.decoder, inputs)["logits"]
    coarse = run(int8_graphs.stepper.decoder, inputs)["logits"]

    error = np.sqrt(np.mean((coarse - exact) ** 2)) / exact.std()
    assert 0 < error < 0.05


def test_it_takes_a_quarter_of_the_room() -> None:
    tiny = SIZES["tiny"].model_copy(
        update={"decoder_layers": 1, "encoder_layers": 1, "max_positions": 16}
    )
    exact = decoder_graph(random_model(tiny, source=4000, target=4000))

    coarse = quantised(exact)

    assert coarse.ByteSize() / exact.ByteSize() < 0.28
    tables = [each for each in coarse.graph.initializer if 4000 in each.dims]
    assert sorted(each.data_type for each in tables) == [
        TensorProto.FLOAT,  # scales
        TensorProto.INT8,
    ]
