"""The default model in a server of its own: what `make run` shows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from onnxlate import Client
from onnxlate.errors import ServerFailure, Unavailable
from onnxlate.health import check
from onnxlate.local_server import LocalServer, ServerProcess

from .parrot import Parrot, serving


def test_it_serves_for_as_long_as_the_block_runs() -> None:
    with LocalServer(None) as server:
        check(server.address)
        with Client(server.address) as client:
            model = client.model()
            [translation] = client.translate(["Good morning."])
        pid = server.pid

    assert model.is_default
    assert translation.text
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(Unavailable):
        check(server.address)


def test_settings_of_other_servers_are_not_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ONNXLATE_SERVE_LOG_FORMAT", "json")
    monkeypatch.setenv("ONNXLATE_SERVE_TOKENS", "/nowhere")
    with LocalServer(None) as server:
        check(server.address)


def test_its_last_words_tell_why_it_did_not_start(tmp_path: Path) -> None:
    with (
        pytest.raises(
            ServerFailure,
            match=f"^the server did not start: {tmp_path} has no readable manifest",
        ),
        LocalServer(tmp_path),
    ):
        pass


def test_its_error_is_told_without_its_log(tmp_path: Path) -> None:
    script = "print('INFO loading'); print('error: no room'); print('INFO bye')"
    with (
        pytest.raises(ServerFailure, match=r"^the server did not start: no room$"),
        ServerProcess([sys.executable, "-c", script]),
    ):
        pass


def test_a_server_without_health_service_is_not_healthy() -> None:
    with serving(Parrot()) as server:
        done = subprocess.run(
            [sys.executable, "-m", "onnxlate.health", server], capture_output=True
        )

    assert done.returncode == 1
    assert done.stderr.startswith(b"error: ")
