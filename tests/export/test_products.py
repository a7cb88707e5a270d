"""int8: a quarter of the size, close to fp32, and each row on its own."""

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from onnx import TensorProto

from onnxlate.text import BOS_ID
from onnxlate_export import fused
from onnxlate_export.products import WEIGHT_RANGE, Dense, FloatProducts, Int8Products
from onnxlate_export.writer import FLOAT, GraphWriter
from onnxlate_training.decode import pad
from onnxlate_training.model import SIZES

from .conftest import TEXT
from .models import random_model
from .tables import Graphs, rows_of, run, step_inputs

Floats = npt.NDArray[np.float32]


def multiplied(x: Floats, weight: Floats, seen: Floats, relu: bool = False) -> Floats:
    """x @ weight.T in int8, or relu(x @ weight.T) @ 1, for ranges as seen."""
    graph = GraphWriter()
    products = Int8Products({"first": seen, "second": np.full(len(weight), 100.0)})
    first = Dense("first", weight, None)
    second = Dense("second", np.eye(len(weight), dtype=np.float32), None)
    here = products.point("first", first)
    there = products.point("second", second, positive=True)
    graph.input("x", FLOAT, ["rows", x.shape[1]])
    divided = graph.node("Div", "x", graph.weight("factors", here.factors))
    operand = products.operand(graph, divided, here)
    if relu:
        hidden = products.rectified(graph, operand, here, first, there)
        y = products.product(graph, hidden, there, second)
    else:
        y = products.product(graph, operand, here, first)
    graph.node("Identity", y, results="y")
    graph.output("y", FLOAT, ["rows", None])  # type: ignore[list-item]
    session = onnxruntime.InferenceSession(graph.model().SerializeToString())
    return np.asarray(session.run(None, {"x": x})[0])


def test_a_loud_channel_does_not_drown_a_quiet_one() -> None:
    weight = np.array([[0.001, 1.0]], np.float32)
    seen = np.array([1000.0, 1.0], np.float32)

    quiet, loud = multiplied(np.array([[0, 0.5], [500, 0]], np.float32), weight, seen)

    assert quiet == pytest.approx(0.5, rel=0.02)
    assert loud == pytest.approx(0.5, rel=0.02)


def test_a_hidden_channel_that_was_never_seen_is_not_lost() -> None:
    products = Int8Products({"layer": np.array([100, 0], np.float32)})
    layer = Dense("layer", np.ones((1, 2), np.float32), None)
    point = products.point("layer", layer, positive=True)

    stored = products.stored(layer, point) / point.factors

    assert stored == pytest.approx(np.ones((1, 2)), rel=0.05)
    assert 255 * point.step * point.factors[1] >= 10


def test_what_is_larger_than_anything_seen_is_cut_not_wrapped() -> None:
    weight, seen = np.eye(2, dtype=np.float32), np.ones(2, np.float32)

    (row,) = multiplied(np.array([[50, -50]], np.float32), weight, seen)

    assert row == pytest.approx([1.05, -1.05], rel=0.02)  # the headroom


def test_rectifying_costs_the_negative_half_and_nothing_else() -> None:
    weight, seen = np.eye(2, dtype=np.float32), np.full(2, 100, np.float32)

    (row,) = multiplied(np.array([[50, -50]], np.float32), weight, seen, relu=True)

    assert row == pytest.approx([50, 0], abs=1)


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


def test_it_stays_close_to_fp32(fused_graphs: Graphs, int8_graphs: Graphs) -> None:
    source = pad(TEXT)

    def logits(graphs: Graphs) -> Floats:
        rows = graphs.stepper.start(*source)
        tokens = np.vstack([np.full(len(TEXT), BOS_ID), source[0].T[:4]])
        return np.stack([rows.step(step) for step in tokens])

    exact, coarse = logits(fused_graphs), logits(int8_graphs)

    error = np.sqrt(np.mean((coarse - exact) ** 2)) / exact.std()
    assert 0 < error < 0.1


def test_it_takes_a_quarter_of_the_room() -> None:
    tiny = SIZES["tiny"].model_copy(
        update={"decoder_layers": 1, "encoder_layers": 1, "max_positions": 16}
    )
    model = random_model(tiny, source=4000, target=4000)
    ranges = {
        name: np.ones(module.weight.shape[1], np.float32)
        for name, module in model.named_modules()
        if hasattr(module, "weight") and name.split(".")[-1] != "norm"
    }

    exact = fused.decoder_graph(model, FloatProducts())
    coarse = fused.decoder_graph(model, Int8Products(ranges))

    assert coarse.ByteSize() / exact.ByteSize() < 0.28
    tables = [each for each in coarse.graph.initializer if 4000 in each.dims]
    assert sorted(each.data_type for each in tables) == [
        TensorProto.FLOAT,  # scales
        TensorProto.INT8,
    ]
