"""The promise, kept by a real server: what the committed bundle said, it still says."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onnxlate import Client
from onnxlate.local_server import LocalServer

V1 = Path(__file__).with_name("v1")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with LocalServer(V1) as server, Client(server.address) as client:
        yield client


@pytest.mark.parametrize("beam_size", [1, 4])
def test_a_server_still_gives_the_committed_translations(
    client: Client, beam_size: int
) -> None:
    everything: list[dict[str, Any]] = json.loads((V1 / "expected.json").read_text())
    expected = [each for each in everything if each["beam_size"] == beam_size]
    assert expected

    found = client.translate(
        [each["source"] for each in expected],
        beam_size=beam_size,
        length_penalty=1.0,
        max_target_tokens=60,
        return_scores=True,
    )

    assert [each.text for each in found] == [each["target"] for each in expected]
    # The end of the sentence is a token too.
    per_token = [each["log_prob"] / (len(each["target_ids"]) + 1) for each in expected]
    assert [each.score for each in found] == pytest.approx(per_token, abs=1e-3)
