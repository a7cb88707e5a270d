"""CTranslate2 says on our weights what PyTorch says."""

from pathlib import Path
from typing import Any

import ctranslate2
import pytest

from benchmarks.ctranslate2_engine import CTranslate2
from benchmarks.settings import CTranslate2Settings, Job
from onnxlate_export.elsewhere.ctranslate2_model import ACTIVATIONS, write_model
from onnxlate_training.model import ModelConfig

from .models import (
    LONGEST,
    VARIANTS,
    VOCABULARY,
    by_pytorch,
    random_model,
    random_sources,
)

CLOSE = 1e-4
"""Scores that differ by less are one score, rounded in two ways."""


def tokens(vocabulary: int) -> list[str]:
    return ["<pad>", "<unk>", "<s>", "</s>", *map(str, range(4, vocabulary))]


def by_ctranslate2(
    path: Path, sources: list[list[int]], beam_size: int
) -> list[list[int]]:
    engine = CTranslate2(CTranslate2Settings(model=path))
    job = Job(sources=sources, beam_size=beam_size, max_target_tokens=LONGEST)
    engine.prepare(job)
    engine.translate()
    return engine.targets()


@pytest.mark.parametrize("variant", VARIANTS)
def test_greedy_search_finds_the_same_tokens(
    variant: dict[str, Any], tmp_path: Path
) -> None:
    model, sources = random_model(**variant), random_sources(100)
    write_model(model, tokens(VOCABULARY), tokens(VOCABULARY), tmp_path, "fp32")

    ours = by_pytorch(model, sources, beam_size=1)
    theirs = by_ctranslate2(tmp_path, sources, beam_size=1)

    assert theirs == [list(each.tokens) for each in ours]


def test_every_activation_we_train_with_has_its_counterpart() -> None:
    for activation in ACTIVATIONS:
        ModelConfig.model_validate({"activation": activation})


@pytest.mark.parametrize("variant", VARIANTS)
def test_beams_differ_only_where_ours_went_on_or_theirs_was_cut(
    variant: dict[str, Any], tmp_path: Path
) -> None:
    """CTranslate2 stops when as many hypotheses have ended as the beam is wide; ours
    goes on while somebody is ahead of them. And to us, what ended beats what was cut
    off at the greatest length."""
    model, sources = random_model(**variant), random_sources(100)
    write_model(model, tokens(VOCABULARY), tokens(VOCABULARY), tmp_path, "fp32")

    ours = by_pytorch(model, sources, beam_size=5)
    theirs = by_ctranslate2(tmp_path, sources, beam_size=5)
    scores = their_scores(tmp_path, sources, beam_size=5)

    equal = 0
    for our, their, score in zip(ours, theirs, scores, strict=True):
        if list(our.tokens) == their:
            assert our.score == pytest.approx(score, abs=CLOSE)
            equal += 1
        else:
            assert len(their) == LONGEST or our.score > score - CLOSE
    assert equal > 50


def their_scores(path: Path, sources: list[list[int]], beam_size: int) -> list[float]:
    translator = ctranslate2.Translator(str(path), intra_threads=1)
    results = translator.translate_batch(
        [[tokens(VOCABULARY)[i] for i in source] for source in sources],
        beam_size=beam_size,
        max_decoding_length=LONGEST,
        min_decoding_length=0,
        return_scores=True,
    )
    return [result.scores[0] for result in results]


def test_two_vocabularies_stay_two(tmp_path: Path) -> None:
    model = random_model(source_vocabulary=30, norm="pre", tying="output")
    sources = random_sources(20, vocabulary=30)
    write_model(model, tokens(30), tokens(VOCABULARY), tmp_path, "fp32")

    ours = by_pytorch(model, sources, beam_size=1)

    assert by_ctranslate2(tmp_path, sources, beam_size=1) == [
        list(each.tokens) for each in ours
    ]


def test_forced_lengths_are_the_targets_lengths_in_int8_too(tmp_path: Path) -> None:
    sources = random_sources(4)
    write_model(
        random_model(), tokens(VOCABULARY), tokens(VOCABULARY), tmp_path, "int8"
    )
    engine = CTranslate2(CTranslate2Settings(model=tmp_path, compute_type="int8"))

    engine.prepare(Job(sources=sources, forced=[8, 16, 8, 24], beam_size=2))
    engine.translate()

    assert list(map(len, engine.targets())) == [8, 16, 8, 24]
