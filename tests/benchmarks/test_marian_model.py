"""Transformers says on our weights what PyTorch says."""

from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from benchmarks.building import CONFIG, WEIGHTS
from benchmarks.settings import Job, MarianSettings
from onnxlate.search import SearchOptions
from onnxlate_training.decode import TorchStepper, decode
from onnxlate_training.model import Transformer

from .models import LONGEST, VARIANTS, by_pytorch, random_model, random_sources

pytest.importorskip("transformers")

from benchmarks.marian_engine import Marian

SEPARATE: list[dict[str, Any]] = [
    {"norm": "pre", "tying": "output"},
    {"norm": "post", "tying": "none"},
]


def by_marian(model: Transformer, folder: Path, job: Job) -> list[list[int]]:
    weights = {name: each.clone() for name, each in model.state_dict().items()}
    save_file(weights, folder / WEIGHTS)
    (folder / CONFIG).write_text(model.config.model_dump_json())
    engine = Marian(MarianSettings(model=folder, max_batch_size=16))
    engine.prepare(job)
    engine.translate()
    return engine.targets()


@pytest.mark.parametrize("variant", VARIANTS)
def test_greedy_search_finds_the_same_tokens(
    variant: dict[str, Any], tmp_path: Path
) -> None:
    model, sources = random_model(**variant), random_sources(100)
    job = Job(sources=sources, max_target_tokens=LONGEST)

    ours = by_pytorch(model, sources, beam_size=1)

    assert by_marian(model, tmp_path, job) == [list(each.tokens) for each in ours]


@pytest.mark.parametrize("variant", SEPARATE)
def test_two_vocabularies_stay_two(variant: dict[str, Any], tmp_path: Path) -> None:
    model = random_model(source_vocabulary=30, **variant)
    sources = random_sources(20, vocabulary=30)
    job = Job(sources=sources, max_target_tokens=LONGEST)

    ours = by_pytorch(model, sources, beam_size=1)

    assert by_marian(model, tmp_path, job) == [list(each.tokens) for each in ours]


@pytest.mark.parametrize("beam_size", [1, 2])
def test_forced_lengths_are_the_targets_lengths(beam_size: int, tmp_path: Path) -> None:
    """In whatever order they come; greedy, the tokens are ours."""
    model, sources, lengths = random_model(), random_sources(4), [8, 16, 8, 24]

    job = Job(sources=sources, forced=lengths, beam_size=beam_size)
    targets = by_marian(model, tmp_path, job)

    assert list(map(len, targets)) == lengths
    if beam_size == 1:
        options = [SearchOptions(each, 1, min_target_tokens=each) for each in lengths]
        ours = decode(TorchStepper(model), sources, options)
        assert targets == [list(best.tokens) for [best, *_] in ours]
