"""One MarianMT model with random weights, and the bundle that comes of it."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

pytest.importorskip("transformers")

from benchmarks.marian_folder import SMALL, write_marian
from onnxlate.bundle import Bundle
from onnxlate_export.export import export_bundle
from onnxlate_export.huggingface.generate import Generate
from onnxlate_export.huggingface.importing import Imported, Wishes, load_imported
from onnxlate_training.generated import pairs

TEXTS: tuple[list[str], list[str]] = tuple(  # type: ignore[assignment]
    map(list, zip(*islice(pairs(seed=3), 400), strict=True))
)
UNSEEN = [source for source, _ in islice(pairs(seed=4), 12)]

SPANISH, CHINESE = ">>spa<<", ">>zho<<"


@pytest.fixture(scope="session")
def marian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model from English to German."""
    folder: Path = tmp_path_factory.mktemp("hub") / "opus-mt-en-de"
    write_marian(folder, TEXTS, pieces=150, **SMALL)
    return folder


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Wishes:
    """Sentences and references for the gate."""
    folder = tmp_path_factory.mktemp("text")
    files = []
    for name, lines in zip(("text.en", "text.de"), TEXTS, strict=True):
        files.append(folder / name)
        files[-1].write_text("".join(f"{line}\n" for line in lines[:24]), "utf-8")
    return Wishes(text=files[0], references=files[1])


@pytest.fixture(scope="session")
def imported(
    marian: Path, text: Wishes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Imported]:
    yield load_imported(str(marian), tmp_path_factory.mktemp("spm"), text)


@pytest.fixture(scope="session")
def original(imported: Imported) -> Generate:
    return Generate(imported)


@pytest.fixture(scope="session")
def bundle(
    imported: Imported, original: Generate, tmp_path_factory: pytest.TempPathFactory
) -> Bundle:
    path = tmp_path_factory.mktemp("imported") / "bundle"
    return export_bundle(imported.loaded, path, outside=original)
