"""The promise: a bundle of format 1 still opens, and still translates the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from onnxlate.bundle import Bundle
from onnxlate.search import SearchOptions
from onnxlate.text import Tokenizer
from onnxlate_export.stepper import OrtStepper
from onnxlate_training.decode import decode_batch

V1 = Path(__file__).with_name("v1")
EXPECTED: list[dict[str, Any]] = json.loads((V1 / "expected.json").read_text())


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.open(V1)


def test_the_tokenizer_still_cuts_the_same(bundle: Bundle) -> None:
    source, target = (
        Tokenizer(bundle.source_tokenizer),
        Tokenizer(bundle.target_tokenizer),
    )

    for each in EXPECTED:
        assert source.encode(each["source"]) == each["source_ids"]
        assert target.decode(each["target_ids"]) == each["target"]


def test_it_still_goes_by_the_same_name(bundle: Bundle) -> None:
    assert bundle.manifest.digest() == "50a6ed5b7dab7c48"


def test_it_still_gives_its_committed_translations(bundle: Bundle) -> None:
    stepper = OrtStepper(bundle.encoder, bundle.decoder, threads=1)
    options = [
        SearchOptions(60, beam_size=each["beam_size"], with_scores=True)
        for each in EXPECTED
    ]

    found = decode_batch(stepper, [each["source_ids"] for each in EXPECTED], options)

    assert [list(best.tokens) for best, *_ in found] == [
        each["target_ids"] for each in EXPECTED
    ]
    assert [best.log_prob for best, *_ in found] == pytest.approx(
        [each["log_prob"] for each in EXPECTED], abs=2e-3
    )
