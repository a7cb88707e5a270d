"""The graphs keep their contract and compute what the model computes."""

import numpy as np
import onnx
import pytest
import torch

from onnxlate.bundle import TensorInfo
from onnxlate_export import fused
from onnxlate_export import graphs as standard
from onnxlate_export.export import graph_info
from onnxlate_export.products import FloatProducts
from onnxlate_training.checkpoint import LoadedModel
from onnxlate_training.decode import pad
from onnxlate_training.model import ModelConfig, Transformer

from .models import SMALL, VOCABULARY, random_model
from .tables import Arrays, Graphs, run, step_inputs

SOURCES = [[9, 8, 7, 6, 5, 3], [5, 3], [7, 7, 3]]
TARGET = [[2, 5, 6, 7, 8], [2, 9, 9, 1, 4], [2, 30, 31, 32, 33]]


SCORES_TOO = [
    TensorInfo(name="logits_error", dtype="float32", axes=("rows",)),
    TensorInfo(name="decoded", dtype="float32", axes=("rows", 16)),
]
"""Of decoders that score roughly, if asked to."""


def layered(kind: str, *axes: str | int) -> list[TensorInfo]:
    return [
        TensorInfo(name=f"{kind}_{part}_{i}", dtype="float32", axes=axes)
        for i in range(2)
        for part in ("keys", "values")
    ]


def test_the_encoder_has_the_inputs_and_outputs_of_the_contract(graphs: Graphs) -> None:
    info = graph_info("encoder.onnx", graphs.encoder)

    assert list(info.inputs) == [
        TensorInfo(name="source_ids", dtype="int64", axes=("sentences", "source")),
        TensorInfo(name="source_visible", dtype="bool", axes=("sentences", "source")),
    ]
    assert list(info.outputs) == layered("cross", "sentences", 2, "source", 8)


def test_the_decoder_has_the_inputs_and_outputs_of_the_contract(graphs: Graphs) -> None:
    info = graph_info("decoder.onnx", graphs.decoder)
    # One source serves all rows of its beam, where the operators can.
    cross = info.inputs[2].axes[0]
    assert cross == ("sentences" if graphs.uses_onnxruntime else "rows")

    assert list(info.inputs) == [
        TensorInfo(name="target_ids", dtype="int64", axes=("rows",)),
        TensorInfo(name="target_visible", dtype="bool", axes=("rows", "capacity")),
        TensorInfo(name="source_visible", dtype="bool", axes=(cross, "source")),
        *layered("cross", cross, 2, "source", 8),
        *layered("past", "rows", 2, "capacity", 8),
    ]
    assert list(info.outputs) == [
        TensorInfo(name="logits", dtype="float32", axes=("rows", VOCABULARY)),
        *layered("present", "rows", 2, "capacity", 8),
        *(SCORES_TOO if graphs.uses_onnxruntime else []),
    ]


def test_standard_graphs_are_of_standard_operators(standard_graphs: Graphs) -> None:
    for graph in (standard_graphs.encoder, standard_graphs.decoder):
        assert [each.domain for each in graph.opset_import] == [""]


def test_a_graph_is_one_file(graphs: Graphs) -> None:
    for graph in (graphs.encoder, graphs.decoder):
        assert not graph.functions
        assert not any(each.external_data for each in graph.graph.initializer)


def test_weights_are_named_after_the_modules_and_stored_once(
    graphs: Graphs, loaded: LoadedModel
) -> None:
    model = loaded.model
    names = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    # Three products of one input are done as one.
    names |= {
        name.replace(".query.", ".query_key_value.")
        for name in names
        if "cross_attention" not in name
    }

    for graph in (graphs.encoder, graphs.decoder):
        matrices = [each for each in graph.graph.initializer if len(each.dims) == 2]
        assert {each.name.removesuffix(".T") for each in matrices} <= names | {
            "positions"
        }
        tables = [each for each in matrices if VOCABULARY in each.dims]
        assert len(tables) == 1


def test_nothing_tells_where_it_was_exported(graphs: Graphs) -> None:
    for graph in (graphs.encoder, graphs.decoder):
        content = graph.SerializeToString()
        assert b".py" not in content
        assert b"File " not in content
        assert not any(node.metadata_props for node in graph.graph.node)


def require_steps_equal_the_whole(model: Transformer, graphs: Graphs) -> None:
    source_ids, source_visible = pad(SOURCES)
    target = np.array(TARGET)
    with torch.inference_mode():
        vectors = model(
            *(torch.from_numpy(each) for each in (source_ids, source_visible, target))
        )
        whole = model.generator(vectors).numpy()

    rows = graphs.stepper.start(source_ids, source_visible)
    steps = [rows.step(target[:, at]) for at in range(target.shape[1])]

    np.testing.assert_allclose(np.stack(steps, axis=1), whole, atol=2e-5)


def test_steps_give_what_reading_the_whole_target_gives(
    loaded: LoadedModel, graphs: Graphs
) -> None:
    require_steps_equal_the_whole(loaded.model, graphs)


VARIANTS = {
    "pre": SMALL.model_copy(update={"norm": "pre", "activation": "gelu"}),
    "untied": SMALL.model_copy(
        update={"tying": "none", "activation": "silu", "encoder_layers": 1}
    ),
}


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_other_kinds_of_model_step_alike(config: ModelConfig) -> None:
    other = 45 if config.tying == "none" else VOCABULARY
    model = random_model(config, source=VOCABULARY, target=other)

    products = FloatProducts()
    for pair in (
        Graphs(standard.encoder_graph(model), standard.decoder_graph(model)),
        Graphs(
            fused.encoder_graph(model, products), fused.decoder_graph(model, products)
        ),
    ):
        require_steps_equal_the_whole(model, pair)


def test_a_batch_of_one_is_no_special_case(graphs: Graphs) -> None:
    encoder, decoder = graphs.stepper.encoder, graphs.stepper.decoder

    one = run(
        encoder, dict(zip(("source_ids", "source_visible"), pad([[3]]), strict=True))
    )
    step = run(decoder, step_inputs(decoder, rows=1, source=1, capacity=2))

    assert one["cross_keys_0"].shape == (1, 2, 1, 8)
    assert step["logits"].shape == (1, VOCABULARY)


def test_the_past_may_be_overwritten_in_place(graphs: Graphs) -> None:
    decoder = graphs.stepper.decoder
    inputs = step_inputs(decoder, rows=4)
    visible = inputs["target_visible"]
    apart = run(decoder, inputs)

    binding = decoder.io_binding()
    for name, array in inputs.items():
        binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
    binding.bind_output("logits")
    presents = [name for name in apart if name.startswith("present")]
    for name in presents:
        array = inputs[name.replace("present", "past")]
        binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
    decoder.run_with_iobinding(binding)

    np.testing.assert_array_equal(binding.get_outputs()[0].numpy(), apart["logits"])
    for name in presents:
        written = inputs[name.replace("present", "past")]
        # Of what nobody may look at, onnxruntime's own operator keeps nothing.
        seen = np.broadcast_to(visible[:, None, :, None], written.shape)
        np.testing.assert_array_equal(written[seen], apart[name][seen])


def test_a_step_writes_one_position_and_leaves_the_rest(graphs: Graphs) -> None:
    decoder = graphs.stepper.decoder
    inputs = step_inputs(decoder, rows=3)

    present = run(decoder, inputs)["present_keys_1"]

    changed = (present != inputs["past_keys_1"]).any(axis=(1, 3))  # (rows, capacity)
    changed &= inputs["target_visible"]
    assert changed.tolist() == [[at == row for at in range(9)] for row in range(3)]


def with_junk(inputs: Arrays, junk: float) -> Arrays:
    """Junk in place of every key and value that is not visible."""
    spoilt = dict(inputs)
    for name, each in inputs.items():
        kind = name.split("_")[0]
        if kind in ("past", "cross"):
            seen = inputs["target_visible" if kind == "past" else "source_visible"]
            spoilt[name] = np.where(seen[:, None, :, None], each, np.float32(junk))
    return spoilt


@pytest.mark.parametrize("junk", [1e3, -1e30])
def test_junk_where_nothing_is_visible_changes_nothing(
    graphs: Graphs, junk: float
) -> None:
    decoder = graphs.stepper.decoder
    inputs = step_inputs(decoder, rows=5)

    clean, spoilt = run(decoder, inputs), run(decoder, with_junk(inputs, junk))

    np.testing.assert_array_equal(spoilt["logits"], clean["logits"])


def test_padding_of_the_source_changes_nothing(graphs: Graphs) -> None:
    encoder = graphs.stepper.encoder
    ids, visible = pad(SOURCES)
    spoilt = np.where(visible, ids, 50)

    clean = run(encoder, {"source_ids": ids, "source_visible": visible})
    junk = run(encoder, {"source_ids": spoilt, "source_visible": visible})

    for name in clean:
        for row, source in enumerate(SOURCES):
            words = np.s_[row, :, : len(source)]
            np.testing.assert_array_equal(junk[name][words], clean[name][words])


def test_an_empty_row_yields_no_nan_and_disturbs_nobody(graphs: Graphs) -> None:
    decoder = graphs.stepper.decoder
    inputs = step_inputs(decoder, rows=3)
    expected = run(decoder, inputs)["logits"]
    for name in ("target_visible", "source_visible"):
        inputs[name] = inputs[name].copy()
        inputs[name][1] = False

    found = run(decoder, inputs)

    assert all(np.isfinite(each).all() for each in found.values())
    np.testing.assert_array_equal(found["logits"][[0, 2]], expected[[0, 2]])


def test_a_row_that_joins_a_dirty_slot_decodes_as_if_alone(graphs: Graphs) -> None:
    decoder = graphs.stepper.decoder
    inputs = step_inputs(decoder, rows=2)
    inputs["target_visible"][0] = np.arange(9) < 7  # an old hand
    tokens = [2, 11, 12]

    alone = {name: each[1:].copy() for name, each in inputs.items()}
    alone |= {n: np.zeros_like(a) for n, a in alone.items() if n.startswith("past")}
    for at, token in enumerate(tokens):
        for batch in (inputs, alone):
            batch["target_ids"][-1] = token
            batch["target_visible"][-1] = np.arange(9) <= at
            found = run(decoder, batch)
            batch |= {
                name.replace("present", "past"): each
                for name, each in found.items()
                if name.startswith("present")
            }
            if batch is inputs:
                beside = found["logits"][1]
        np.testing.assert_allclose(beside, found["logits"][0], rtol=0, atol=1e-5)


def test_the_rows_of_a_beam_share_their_source(
    fused_graphs: Graphs, int8_graphs: Graphs
) -> None:
    for each in (fused_graphs, int8_graphs):
        decoder = each.stepper.decoder
        inputs = step_inputs(decoder, rows=6)
        shared = {
            name: array[::3]  # two sentences, three rows each
            for name, array in inputs.items()
            if name.startswith(("cross", "source"))
        }
        repeated = {name: array.repeat(3, axis=0) for name, array in shared.items()}

        found = run(decoder, inputs | shared)
        expected = run(decoder, inputs | repeated)

        np.testing.assert_allclose(
            found["logits"], expected["logits"], rtol=0, atol=1e-5
        )


def test_the_standard_graphs_are_valid_to_onnx(standard_graphs: Graphs) -> None:
    for graph in (standard_graphs.encoder, standard_graphs.decoder):
        onnx.checker.check_model(graph, full_check=True)
