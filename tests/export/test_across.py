"""attention.onnx sees what PyTorch sees, with weights that stand elsewhere."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from onnxlate.alignment import Floats
from onnxlate.bundle import Bundle
from onnxlate.errors import ExportError
from onnxlate.text import BOS_ID
from onnxlate_export import across, fused
from onnxlate_export import graphs as standard
from onnxlate_export.attention import recorded
from onnxlate_export.attention_gate import AttentionSessions, pass_attention_gate
from onnxlate_export.export import export_bundle, graph_info
from onnxlate_export.products import FloatProducts, Int8Products
from onnxlate_export.ranges import measure_ranges
from onnxlate_export.stepper import open_session
from onnxlate_serving.config import RuntimeConfig
from onnxlate_serving.sessions import Sessions
from onnxlate_training.checkpoint import LoadedModel
from onnxlate_training.decode import pad
from onnxlate_training.model import ModelConfig, Transformer

from .conftest import TEXT
from .models import SMALL, random_model

TARGETS = [[7, 8, 9], [60, 61, 62, 63, 64, 65], [], [30, 31, 32, 33], [9]]


def sessions(encoder: onnx.ModelProto, attention: onnx.ModelProto) -> AttentionSessions:
    return AttentionSessions(
        *(open_session(each.SerializeToString(), 1) for each in (encoder, attention))
    )


def made(model: Transformer, kind: str) -> AttentionSessions:
    if kind == "standard":
        attention = across.standard_attention_graph(model)
        return sessions(standard.encoder_graph(model), attention)
    int8 = Int8Products(measure_ranges(model, TEXT, TEXT))
    products = int8 if kind == "int8" else FloatProducts()
    return sessions(
        fused.encoder_graph(model, products), across.attention_graph(model, products)
    )


@torch.inference_mode()
def in_torch(model: Transformer, source: list[int], target: list[int]) -> Floats:
    """Of one sentence without any padding: (L, H, T + 1, S)."""
    ids = torch.tensor([source])
    with recorded(model) as seen:
        model(ids, torch.ones_like(ids, dtype=torch.bool), torch.tensor([target]))
    layers = range(model.config.decoder_layers)
    return np.stack([seen["cross", layer][0] for layer in layers])


POST, PRE = SMALL, SMALL.model_copy(update={"norm": "pre", "activation": "gelu"})


UNTIED = POST.model_copy(update={"tying": "none"})


@pytest.mark.parametrize(
    ("config", "kind"),
    [(POST, "fused"), (PRE, "fused"), (UNTIED, "fused"), (PRE, "standard")],
)
def test_padded_and_beside_others_it_is_what_pytorch_sees_of_one(
    config: ModelConfig, kind: str
) -> None:
    model = random_model(config)
    fed = [[BOS_ID, *each] for each in TARGETS]

    together = made(model, kind).look(pad(TEXT), pad(fed)[0])

    for seen, source, target in zip(together, TEXT, fed, strict=True):
        expected = in_torch(model, source, target)
        found = seen[:, :, : len(target), : len(source)]
        np.testing.assert_allclose(found, expected, atol=2e-5)
        assert not seen[:, :, : len(target), len(source) :].any()


def test_int8_looks_nearly_there_and_the_same_in_any_company(
    loaded: LoadedModel,
) -> None:
    graphs = made(loaded.model, "int8")
    fed = [[BOS_ID, *each] for each in TARGETS]

    together = graphs.look(pad(TEXT), pad(fed)[0])

    for seen, source, target in zip(together, TEXT, fed, strict=True):
        (alone,) = graphs.look(pad([source]), pad([target])[0])
        expected = in_torch(loaded.model, source, target)
        moved = np.abs(alone - expected).sum(axis=-1).mean() / 2
        assert 0 < moved < 0.2
        found = seen[:, :, : len(target), : len(source)]
        np.testing.assert_allclose(found, alone, atol=1e-6)


def test_the_manifest_says_what_goes_in_and_out(loaded: LoadedModel) -> None:
    graph = across.attention_graph(loaded.model, FloatProducts())

    info = graph_info("attention.onnx", graph)

    assert {each.name: (each.dtype, each.axes) for each in info.inputs[:3]} == {
        "target_ids": ("int64", ("sentences", "target")),
        "target_visible": ("bool", ("sentences", "target", "target")),
        "source_visible": ("bool", ("sentences", "source")),
    }
    assert info.inputs[3].name == "cross_keys_0"
    (out,) = info.outputs
    assert out.name == "attention"
    assert out.axes[1:3] == (SMALL.decoder_layers, SMALL.heads)


WIDE = SMALL.model_copy(update={"width": 64, "feed_forward": 96})
"""Wide enough for weights that are worth sharing."""


@pytest.fixture(scope="module", params=["fp32", "int8"])
def bundle(
    request: pytest.FixtureRequest,
    loaded: LoadedModel,
    tmp_path_factory: pytest.TempPathFactory,
) -> Bundle:
    path = tmp_path_factory.mktemp("bundles") / "bundle"
    enough = replace(loaded, model=random_model(WIDE))
    return export_bundle(enough, path, request.param, max_sentences=8)


def test_its_weights_are_left_where_the_decoder_has_them(bundle: Bundle) -> None:
    assert bundle.attention
    graph = onnx.load(bundle.attention, load_external_data=False).graph

    own = [each for each in graph.initializer if len(each.raw_data) >= 1024]
    elsewhere = {
        entry.value
        for each in graph.initializer
        for entry in each.external_data
        if entry.key == "location"
    }
    assert not own
    assert elsewhere <= set(bundle.manifest.files)
    assert "decoder.onnx" in elsewhere


def test_a_server_sees_with_them_what_pytorch_sees(bundle: Bundle) -> None:
    assert bundle.manifest.attention
    served = Sessions(bundle, RuntimeConfig(device="cpu", threads=1))
    attention = served.open_attention(bundle.manifest.attention.graph)
    fed = [[BOS_ID, *each] for each in TARGETS]
    model = random_model(WIDE)

    found = AttentionSessions(served.encoder, attention).look(pad(TEXT), pad(fed)[0])

    for seen, source, target in zip(found, TEXT, fed, strict=True):
        expected = in_torch(model, source, target)
        off = np.abs(seen[:, :, : len(target), : len(source)] - expected)
        exact = bundle.manifest.precision == "fp32"
        assert off.sum(axis=-1).mean() / 2 < (1e-5 if exact else 0.2)


def test_a_graph_that_looks_elsewhere_is_refused(loaded: LoadedModel) -> None:
    model = loaded.model
    graph = across.attention_graph(model, FloatProducts())
    queries = [
        each
        for each in graph.graph.initializer
        if each.name.endswith("cross_attention.query.weight")
    ]
    for weight in queries:
        turned = -onnx.numpy_helper.to_array(weight)
        weight.CopyFrom(onnx.numpy_helper.from_array(turned, weight.name))
    wrong = sessions(fused.encoder_graph(model, FloatProducts()), graph)
    pairs = list(zip(TEXT, TARGETS, strict=True))

    for precision in ("fp32", "int8"):
        with pytest.raises(ExportError, match=r"weights of attention\.onnx are up to"):
            pass_attention_gate(model, wrong, precision, pairs, lambda *_: None)
