"""A run that is made of a bundle says what the bundle says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

from onnxlate.bundle import Bundle
from onnxlate.errors import ConfigError
from onnxlate_training.checkpoint import load_model

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "training" / "recipes"
BUNDLE = ROOT / "serving" / "onnxlate_serving" / "default_bundle"


@pytest.fixture(scope="module")
def made() -> ModuleType:
    path = RECIPES / "run_of_bundle.py"
    spec = importlib.util.spec_from_file_location("run_of_bundle", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_translates_as_the_bundle_does(made: ModuleType, tmp_path: Path) -> None:
    made.main(BUNDLE, RECIPES / "tatoeba-en-de.toml", tmp_path / "run", [])

    loaded = load_model(tmp_path / "run")
    source, target = loaded.read_tokenizers()
    ids = torch.tensor([source.encode("Where is the train station?")])
    special = Bundle.open(BUNDLE).manifest.special_ids
    said = [special.bos]
    with torch.no_grad():
        while said[-1] != special.eos and len(said) < 20:
            vectors = loaded.model(
                ids, torch.ones_like(ids, dtype=torch.bool), torch.tensor([said])
            )
            said.append(int(loaded.model.generator(vectors[0, -1]).argmax()))
    assert target.decode(said[1:-1]) == "Wo ist der Bahnhof?"


def test_what_does_not_fit_is_refused(made: ModuleType, tmp_path: Path) -> None:
    recipe = RECIPES / "tatoeba-en-de.toml"
    with pytest.raises(ConfigError, match="not int8, or not of this recipe"):
        made.main(ROOT / "tests" / "bundles" / "v1", recipe, tmp_path / "run", [])
    with pytest.raises(ConfigError, match="is there already"):
        made.main(BUNDLE, recipe, tmp_path, [])
