"""One small model on its whole way: trained, exported and served, once for all."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from onnxlate.local_server import LocalServer
from onnxlate_training.generated import pairs

RECIPE = """
name = "small"

[data]
source_language = "en"
target_language = "de"
train_source = ["train.en"]
train_target = ["train.de"]
valid_source = "valid.en"
valid_target = "valid.de"

[tokenizer]
vocabulary = 400

[filter]
max_tokens = 100

[model]
width = 32
heads = 2
feed_forward = 64
encoder_layers = 1
decoder_layers = 1
norm = "pre"
dropout = 0.1
max_positions = 128

[batch]
max_tokens = 2048

[schedule]
peak = 0.01
warmup_updates = 40

[train]
max_updates = 160
validate_every = 160
save_every = 160
keep_last = 1
average = "none"
threads = 1
"""


@dataclass(frozen=True, slots=True)
class Product:
    """What a user has after three commands."""

    run: Path
    bundle: Path
    server: str
    """HOST:PORT of a server on the bundle."""
    sources: list[str]
    """Sentences the model has not been trained on."""


def onnxlate(*arguments: str | Path) -> str:
    """Runs the command line in a process of its own; what it printed to stdout."""
    command = [sys.executable, "-m", "onnxlate", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("product")
    stream = pairs(seed=7)
    for name, size in (("test", 60), ("valid", 40), ("train", 3000)):
        lines = [next(stream) for _ in range(size)]
        for side, language in enumerate(("en", "de")):
            text = "".join(f"{pair[side]}\n" for pair in lines)
            (folder / f"{name}.{language}").write_text(text, encoding="utf-8")
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    run, bundle = folder / "run", folder / "bundle"
    data = f"data.folder={json.dumps(str(folder))}"
    onnxlate("train", recipe, "--set", data, "--output", run)
    onnxlate("export", run, "-o", bundle)
    sources = (folder / "test.en").read_text(encoding="utf-8").splitlines()
    with LocalServer(bundle) as server:
        yield Product(run, bundle, server.address, sources)
