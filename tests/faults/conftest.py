"""Real servers, and a look at one after each fault that it was given."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from onnxlate.v1 import translation_pb2_grpc as pb_grpc
from tests.serving.handmade import write_bundle

from .servers import Running, running


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundles") / "sound")


@pytest.fixture(scope="session")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose model fails on texts with a z, which no number word has."""
    path = tmp_path_factory.mktemp("bundles") / "poisoned"
    return write_bundle(path, poison="z")


@pytest.fixture(scope="session")
def common(bundle: Path) -> Iterator[Running]:
    with running(bundle) as server:
        yield server


@pytest.fixture
def server(common: Running) -> Iterator[Running]:
    """One for all that ask for it; it must be well after each."""
    yield common
    common.is_well()


@pytest.fixture
def stub(server: Running) -> Iterator[pb_grpc.TranslationServiceStub]:
    """Plain gRPC, which retries nothing."""
    options = [("grpc.enable_retries", 0)]
    with grpc.insecure_channel(server.address, options) as channel:
        yield pb_grpc.TranslationServiceStub(channel)
