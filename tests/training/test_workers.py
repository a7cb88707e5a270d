"""Several processes that train one model."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from onnxlate.errors import ConfigError
from onnxlate_training.recipe import load_recipe
from onnxlate_training.workers import CAPACITY, KERNELS, joined

from .runs import (
    errors,
    history,
    saved,
    several,
    torchrun,
    train,
    worker,
    write_corpus,
)

UPDATES = 60

SIX = (
    # Six batches in an update, which several processes add up in several orders.
    *("--set", "batch.accumulate=6", "--set", "batch.max_tokens=96"),
    *("--set", f"train.max_updates={UPDATES}", "--set", "train.validate_every=60"),
    # In three windows, each of which is cut anew.
    *("--set", "data.window=150", "--set", "tokenizer.dropout=0.1"),
)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def alone(recipe: Path) -> Path:
    """The run of one process."""
    run = recipe.parent / "alone"
    code, said = train(recipe, run, *SIX)
    assert code == 0, said
    return run


@pytest.fixture(scope="module")
def together(recipe: Path) -> Path:
    """The run of two."""
    return run_of(recipe, recipe.parent / "together", [SIX, SIX])


def run_of(recipe: Path, run: Path, options: list[tuple[str, ...]]) -> Path:
    for code, said in [each.wait() for each in several(recipe, run, *options)]:
        assert code == 0, said
    return run


def losses(run: Path, kind: str = "train") -> list[float]:
    return [each["loss"] for each in history(run, kind)]


def assert_same(one: Path, other: Path) -> None:
    """To the bit: figures of every update, weights, and the optimiser's state."""
    assert losses(one) == losses(other)
    norms = [[each["gradient_norm"] for each in history(run)] for run in (one, other)]
    assert norms[0] == norms[1]
    newest = [run / f"checkpoints/update-{UPDATES:08d}" for run in (one, other)]
    for name in ("model.safetensors", "optimizer.safetensors"):
        bits = [(checkpoint / name).read_bytes() for checkpoint in newest]
        assert bits[0] == bits[1]


def test_several_processes_are_one_to_the_bit(
    recipe: Path, alone: Path, together: Path, tmp_path: Path
) -> None:
    three = run_of(recipe, tmp_path / "three", [SIX] * 3)

    assert len(losses(alone)) == UPDATES
    assert max(each["epoch"] for each in history(alone)) > 1  # past odd last updates
    assert_same(alone, together)
    assert_same(alone, three)


def test_torchrun_starts_all_again_when_the_leader_is_killed(
    recipe: Path, together: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"

    process = torchrun(recipe, run, *SIX, "--resume")
    try:
        while not saved(run):
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.01)
        os.kill(worker(process, rank=0), signal.SIGKILL)
        _, said = process.communicate(timeout=200)
    finally:
        process.kill()

    assert process.returncode == 0, said
    assert "going on from update" in said
    assert_same(run, together)


def test_a_run_goes_on_with_another_number_of_processes(
    recipe: Path, alone: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    once = ("--set", "train.max_updates=10")

    run_of(recipe, run, [(*SIX, *once)] * 2)
    code, said = train(recipe, run, *SIX, "--resume")

    assert code == 0, said
    assert "going on from update 10" in said
    assert_same(run, alone)


@pytest.mark.parametrize(("exchange", "close"), [("fp32", 1e-5), ("bf16", 1e-2)])
def test_gradients_may_be_sent_in_fewer_bytes(
    exchange: str, close: float, recipe: Path, together: Path, tmp_path: Path
) -> None:
    fewer = ("--set", f"train.exchange={exchange}", "--set", "train.max_updates=10")

    run = run_of(recipe, tmp_path / "run", [(*SIX, *fewer)] * 2)

    exact = losses(together)[:10]
    assert losses(run) == pytest.approx(exact, rel=close)
    assert losses(run) != exact


def test_a_process_that_stands_still_is_given_up(recipe: Path, tmp_path: Path) -> None:
    """As on a machine whose cable is out, it does not even close its connections."""
    run = tmp_path / "run"
    endless = ("--set", "batch.accumulate=2", "--set", "train.max_updates=3000")
    hasty = (*endless, "--set", "train.lost_after=8")

    processes = several(recipe, run, hasty, hasty)
    processes[0].get_going()
    processes[1].send(signal.SIGSTOP)
    code, said = processes[0].wait()
    processes[1].send(signal.SIGKILL)

    assert code == 2
    assert "another process of this run has gone" in errors(said)[0]


def test_what_one_process_meets_ends_all_and_is_said_once(
    recipe: Path, tmp_path: Path
) -> None:
    elsewhere = f"data.folder={json.dumps(str(tmp_path / 'gone'))}"

    processes = several(recipe, tmp_path / "run", SIX, (*SIX, "--set", elsewhere))
    (first, said), (second, silence) = (each.wait() for each in processes)

    assert (first, second) == (2, 2)
    [error] = errors(said)
    assert "gone/valid.en" in error
    assert "Traceback" not in said
    assert silence == ""


def test_processes_that_would_part_ways_do_not_begin(
    recipe: Path, tmp_path: Path
) -> None:
    longer = (*SIX, "--set", "train.max_updates=61")

    processes = several(recipe, tmp_path / "run", SIX, longer)
    (first, said), (second, _) = (each.wait() for each in processes)

    assert (first, second) == (2, 2)
    [error] = errors(said)
    assert "another train.max_updates than process 1" in error


def test_a_loss_that_is_no_number_is_said_once(recipe: Path, tmp_path: Path) -> None:
    absurd = (*SIX, "--set", "schedule.peak=1e30", "--set", "optimizer.clip_norm=0")

    processes = several(recipe, tmp_path / "run", absurd, absurd)
    (first, said), (second, silence) = (each.wait() for each in processes)

    assert (first, second) == (2, 2)
    assert "Lower schedule.peak" in errors(said)[0]
    assert silence == ""


def test_a_signal_to_one_stops_and_saves_all(recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    endless = ("--set", "batch.accumulate=2", "--set", "train.max_updates=3000")

    processes = several(recipe, run, endless, endless)
    processes[0].get_going()
    processes[1].send(signal.SIGTERM)
    (first, said), (second, _) = (each.wait() for each in processes)

    assert (first, second) == (143, 143)
    assert "stopped and saved at update" in said


def test_the_death_of_one_ends_the_others_in_one_line(
    recipe: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    endless = ("--set", "batch.accumulate=2", "--set", "train.max_updates=3000")

    processes = several(recipe, run, endless, endless)
    processes[0].get_going()
    processes[1].send(signal.SIGKILL)
    code, said = processes[0].wait()

    assert code == 2
    assert "another process of this run has gone" in errors(said)[0]
    assert "Traceback" not in said


def test_every_process_needs_a_batch_in_each_update(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "WORLD_SIZE", "3")

    with (
        pytest.raises(ConfigError, match=r"--set batch\.accumulate=3"),
        joined(load_recipe(recipe, ["batch.accumulate=2"])),
    ):
        pass


def test_processes_that_cannot_meet_say_so(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "WORLD_SIZE", "2")

    with (
        pytest.raises(ConfigError, match="start all with torchrun"),
        joined(load_recipe(recipe, ["batch.accumulate=2"])),
    ):
        pass


@pytest.mark.parametrize("wanted", [None, "7"])
def test_onednn_keeps_few_kernels_unless_somebody_wants_it_otherwise(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, wanted: str | None
) -> None:
    if wanted is None:
        monkeypatch.delenv(CAPACITY, raising=False)
    else:
        monkeypatch.setenv(CAPACITY, wanted)

    with joined(load_recipe(recipe)):
        assert os.environ[CAPACITY] == (wanted or str(KERNELS))
