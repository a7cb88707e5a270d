"""Processes that are started again meet each other, and nobody from before."""

import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from onnxlate_training import meeting
from onnxlate_training.meeting import (
    KEY,
    PROOF,
    keeps_out_latecomers,
    meeting_place,
)

HERE = "127.0.0.1"


def store() -> "TCPStore":
    return TCPStore(HERE, 0, is_master=True, wait_for_workers=False)


@pytest.fixture
def lasting(monkeypatch: pytest.MonkeyPatch) -> "TCPStore":
    """torchrun's, which all starts of a run have in common."""
    kept = store()
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    monkeypatch.setenv("MASTER_ADDR", HERE)
    monkeypatch.setenv("MASTER_PORT", str(kept.port))
    monkeypatch.setattr(meeting, "A_TRY", timedelta(seconds=0.3))
    return kept


def dead_port() -> int:
    with socket.socket() as listener:
        listener.bind((HERE, 0))
        return int(listener.getsockname()[1])


def test_what_processes_before_have_left_is_passed_over(lasting: "TCPStore") -> None:
    other_run = store()
    other_run.set(PROOF, "theirs")

    for port in (dead_port(), other_run.port):
        lasting.set(KEY, f"{port} ours")
        with ThreadPoolExecutor() as pool:
            second = pool.submit(meeting_place, 1)
            with pytest.raises(TimeoutError):
                second.result(timeout=1)  # it has found the old place by now
            first = meeting_place(0)
            found = second.result(timeout=60)

        assert first
        assert found
        first.set("word", "said")
        assert found.get("word") == b"said"


def test_without_torchrun_nobody_meets_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_USE_AGENT_STORE", raising=False)

    assert meeting_place(0) is None


@pytest.mark.parametrize(
    ("shared", "here", "kept_out"),
    [("True", "2", True), ("True", "4", False), ("False", "2", False)],
)
def test_a_store_that_several_machines_share_keeps_latecomers_out(
    shared: str, here: str, kept_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", shared)
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", here)

    assert keeps_out_latecomers() is kept_out
