"""The models that engines are timed on, each as a bundle and for CTranslate2.

Either a trained run's, or one with random weights: how long a step takes does not
depend on what the numbers are. They are made once and kept in a folder.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import onnxlate
from onnxlate.bundle import MANIFEST_NAME
from onnxlate.text import Tokenizer

ROOT = Path(__file__).parents[1]

Precision = Literal["fp32", "int8", "fp16"]

Notice = Callable[[str], None]
"""Told what is being made, for it takes a while."""

MAX_TOKENS = 256
"""Longest source and target of a random model."""

NUM_GATE_SENTENCES = 2
"""The shortest ones: the export gate decodes them, and random models do not end."""


@dataclass(frozen=True)
class RandomModel:
    """What a model with random weights is made of."""

    size: str
    """A name of onnxlate_training.model.SIZES, or "minimal"."""

    vocabulary: int


RANDOM_MODELS = {
    "minimal": RandomModel("minimal", 400),  # to try the benchmarks themselves
    "tiny": RandomModel("tiny", 10_000),
    "base": RandomModel("base", 32_000),
}


@dataclass(frozen=True)
class TimingModel:
    """One model, in every form that an engine reads."""

    name: str
    folder: Path
    tokenizer_path: Path
    """Of the source."""

    target_tokenizer_path: Path
    forced: bool
    """Whether it cannot end sentences, so that lengths have to be given."""

    max_tokens: int
    """Longest source and target."""

    def bundle(self, precision: Precision) -> Path:
        return self.folder / f"onnxlate-{precision}"

    def ctranslate2(self, precision: Precision) -> Path:
        return self.folder / f"ctranslate2-{precision}"

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return Tokenizer(self.tokenizer_path)


def random_model(
    name: str,
    recipe: RandomModel,
    texts: Sequence[str],
    cache: Path,
    precisions: Sequence[Precision],
    notice: Notice,
) -> TimingModel:
    """A model whose weights are drawn, and whose tokens are the texts'."""
    mark = _digest(repr(recipe), *texts)
    folder = cache / f"{name}-{mark}"
    path = folder / "joint.spm"
    model = TimingModel(name, folder, path, path, forced=True, max_tokens=MAX_TOKENS)
    if _complete(model, precisions):
        return model
    from .building import build, loaded_random

    notice(f"making {name} with random weights in {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    loaded = loaded_random(recipe.size, recipe.vocabulary, texts, path)
    build(loaded, model, precisions, NUM_GATE_SENTENCES, notice)
    return model


def trained_model(
    run: Path,
    data: Path | None,
    cache: Path,
    precisions: Sequence[Precision],
    notice: Notice,
) -> TimingModel:
    """The model of a training run; `data` is where its corpus is now, if it moved."""
    from onnxlate_training.checkpoint import load_model

    from .building import build

    loaded = load_model(run, data)
    mark = _digest(str(run.resolve()), repr(loaded.provenance))
    model = TimingModel(
        name=loaded.name,
        folder=cache / f"{loaded.name}-{mark}",
        tokenizer_path=loaded.source_tokenizer,
        target_tokenizer_path=loaded.target_tokenizer,
        forced=False,
        max_tokens=min(loaded.max_source_tokens, loaded.max_target_tokens),
    )
    if not _complete(model, precisions):
        build(loaded, model, precisions, 64, notice)
    return model


def _complete(model: TimingModel, precisions: Sequence[Precision]) -> bool:
    """Whether everything is there; the last file of each directory says so."""
    return all(
        (model.bundle(each) / MANIFEST_NAME).exists()
        and (model.ctranslate2(each) / "config.json").exists()
        for each in precisions
    )


def _digest(*parts: str) -> str:
    """Twelve hexadecimal digits that change with the parts, and with our code."""
    text = hashlib.sha256()
    for part in parts:
        text.update(part.encode())
    face = Path(onnxlate.__file__).parent
    code = [*face.glob("*.py"), *(ROOT / "export").rglob("*.py")]
    code += [ROOT / "training" / "onnxlate_training" / "model.py"]
    code += [Path(__file__).with_name("building.py")]
    for path in sorted(code):
        text.update(path.read_bytes())
    return text.hexdigest()[:12]
