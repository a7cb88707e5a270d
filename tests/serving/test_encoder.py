"""Who shares a run of the encoder."""

import random

import pytest

from onnxlate.bundle import Bundle
from onnxlate.search import SearchOptions
from onnxlate_serving.config import RuntimeConfig
from onnxlate_serving.decoder_state import rounded
from onnxlate_serving.encoder import MAX_RUN_TOKENS, MAX_STRETCH
from onnxlate_serving.request import Request
from onnxlate_serving.runner import OnnxRunner
from onnxlate_serving.sessions import Sessions

from .handmade import MAX_SOURCE


def requests(count: int) -> list[Request]:
    draw = random.Random(count)
    options = SearchOptions(max_target_tokens=5)
    return [
        Request(tuple(range(draw.randint(1, MAX_SOURCE))), options)
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def runner(bundle: Bundle) -> OnnxRunner:
    return OnnxRunner(bundle, Sessions(bundle, RuntimeConfig(device="cpu")), 64)


@pytest.mark.parametrize("count", [0, 1, 10, 300])
def test_everybody_is_in_one_run_with_others_of_about_their_length(
    runner: OnnxRunner, count: int
) -> None:
    given = requests(count)

    batches = list(runner._encoder.batches(given))

    assert sorted(map(id, given)) == sorted(id(each) for b in batches for each in b)
    for batch in batches:
        lengths = [len(each.source_ids) for each in batch]
        assert max(lengths) <= MAX_STRETCH * rounded(min(lengths))
        assert len(batch) * rounded(max(lengths)) <= max(
            MAX_RUN_TOKENS, rounded(MAX_SOURCE)
        )
