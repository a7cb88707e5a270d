from pathlib import Path

import pytest

from onnxlate.bundle import Bundle
from tests.serving.handmade import write_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path: Path = tmp_path_factory.mktemp("bundles") / "handmade"
    return Bundle.open(write_bundle(path))
