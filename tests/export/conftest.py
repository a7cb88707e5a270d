"""Exporting takes seconds, so what many tests look at is exported once."""

import pytest

from onnxlate_export.graphs import decoder_graph, encoder_graph
from onnxlate_export.quantise import quantised
from onnxlate_training.checkpoint import LoadedModel

from .models import loaded_random
from .tables import Graphs


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return loaded_random(tmp_path_factory.mktemp("random"))


@pytest.fixture(scope="session")
def graphs(loaded: LoadedModel) -> Graphs:
    return Graphs(encoder_graph(loaded.model), decoder_graph(loaded.model))


@pytest.fixture(scope="session")
def int8_graphs(graphs: Graphs) -> Graphs:
    return Graphs(quantised(graphs.encoder), quantised(graphs.decoder))
