"""Exporting takes seconds, so what many tests look at is exported once."""

import pytest

from onnxlate_export import fused
from onnxlate_export import graphs as standard
from onnxlate_export.products import FloatProducts, Int8Products
from onnxlate_export.ranges import measure_ranges
from onnxlate_serving.native import library as compiled
from onnxlate_serving.native.library import Library
from onnxlate_training.checkpoint import LoadedModel

from .models import loaded_random
from .tables import Graphs

TEXT = [[9, 8, 7, 6, 5, 3], [5, 3], [7, 7, 3], [*range(10, 60), 3], [*range(60, 99), 3]]


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return loaded_random(tmp_path_factory.mktemp("random"))


@pytest.fixture(scope="session")
def standard_graphs(loaded: LoadedModel) -> Graphs:
    model = loaded.model
    return Graphs(standard.encoder_graph(model), standard.decoder_graph(model))


@pytest.fixture(scope="session")
def fused_graphs(loaded: LoadedModel) -> Graphs:
    model, products = loaded.model, FloatProducts()
    return Graphs(
        fused.encoder_graph(model, products), fused.decoder_graph(model, products)
    )


@pytest.fixture(scope="session", params=["standard", "onnxruntime"])
def graphs(
    request: pytest.FixtureRequest, standard_graphs: Graphs, fused_graphs: Graphs
) -> Graphs:
    return standard_graphs if request.param == "standard" else fused_graphs


@pytest.fixture(scope="session")
def int8_graphs(loaded: LoadedModel) -> Graphs:
    model = loaded.model
    products = Int8Products(measure_ranges(model, TEXT, TEXT))
    return Graphs(
        fused.encoder_graph(model, products), fused.decoder_graph(model, products)
    )


@pytest.fixture(scope="module", params=["vnni", "avx512", "avx2", "plain"])
def library(request: pytest.FixtureRequest) -> Library:
    known = compiled.library()
    assert known
    try:
        return Library(known.path, request.param)
    except LookupError:
        pytest.skip(f"this processor is no {request.param}")
