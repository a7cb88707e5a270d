"""The application on Ray: it starts once, and what came of it is looked at here."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from benchmarks.ray_command import APART
from onnxlate.bundle import Bundle
from onnxlate.errors import ConfigError
from onnxlate_serving.ray_app import RayArgs, app

Findings = Mapping[str, Any]


@pytest.fixture(scope="module")
def found(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    if not importlib.util.find_spec("ray"):
        pytest.skip("ray is not installed: pip install -e '.[ray]'")
    if subprocess.run([*APART, "true"], capture_output=True).returncode:
        pytest.skip("no right to make a network namespace for Ray")
    folder = tmp_path_factory.mktemp("ray")
    findings = folder / "findings.json"
    command = [sys.executable, "-m", "tests.serving.ray_trial"]
    done = subprocess.run(
        [*APART, *command, bundle.path, folder / "tokens", findings],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    result: Findings = json.loads(findings.read_bytes())
    return result


def test_it_says_what_a_server_says(found: Findings) -> None:
    assert found["model"] == "handmade@1"
    assert found["unary"] == found["alone"]
    assert found["streams"] == found["alone"]
    assert found["batch"] == found["alone"]


def test_refusals_have_the_statuses_of_a_server(found: Findings) -> None:
    refused = found["refused"]

    assert {name: status for name, (status, *_) in refused.items()} == {
        "too long": "INVALID_ARGUMENT",
        "too long in a stream": "INVALID_ARGUMENT",
        "unknown model": "NOT_FOUND",
        "no token": "UNAUTHENTICATED",
        "no message": "INVALID_ARGUMENT",
        "no time": "DEADLINE_EXCEEDED",
    }
    assert "texts[1] has 1001 tokens" in refused["too long"][1]
    assert "served: handmade" in refused["unknown model"][1]


def test_who_is_refused_in_a_crowd_hears_when_to_come_back(found: Findings) -> None:
    refusals = [each for each in found["crowded"] if each[0] == "RESOURCE_EXHAUSTED"]

    assert 0 < len(refusals) < len(found["crowded"])
    for _, details, told in refusals:
        assert "are waiting already" in details
        assert told == ["grpc-retry-pushback-ms", "grpc-status-details-bin"]


def test_a_stream_goes_on_when_its_replica_dies(found: Findings) -> None:
    assert found["killed in a stream"] == found["long alone"]
    assert found["deaths under a call"] == 1


def test_what_cannot_be_is_said_before_anything_starts() -> None:
    with pytest.raises(ValidationError, match="bundel"):
        RayArgs.model_validate({"bundel": "x"})


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"onnxlate\[ray\]"):
        app(RayArgs())
