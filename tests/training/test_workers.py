"""Several processes that train one model."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from onnxlate.errors import ConfigError
from onnxlate_training.recipe import load_recipe
from onnxlate_training.workers import joined

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

TWO = (
    *("--set", "batch.accumulate=2", "--set", f"train.max_updates={UPDATES}"),
    *("--set", "train.validate_every=60"),
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
    code, said = train(recipe, run, *TWO)
    assert code == 0, said
    return run


@pytest.fixture(scope="module")
def together(recipe: Path) -> Path:
    """The run of two."""
    return run_of(recipe, recipe.parent / "together", [TWO, TWO])


def run_of(recipe: Path, run: Path, options: list[tuple[str, ...]]) -> Path:
    for code, said in [each.wait() for each in several(recipe, run, *options)]:
        assert code == 0, said
    return run


def losses(run: Path, kind: str = "train") -> list[float]:
    return [each["loss"] for each in history(run, kind)]


def test_two_processes_follow_one(alone: Path, together: Path) -> None:
    one, two = history(alone), history(together)
    assert len(one) == UPDATES
    assert max(each["epoch"] for each in one) > 1  # past odd last updates

    assert losses(together) == pytest.approx(losses(alone), rel=1e-5)
    assert [each["gradient_norm"] for each in two] == pytest.approx(
        [each["gradient_norm"] for each in one], rel=1e-4
    )
    assert losses(together, "valid") == pytest.approx(losses(alone, "valid"), rel=1e-5)


def test_torchrun_starts_all_again_when_the_leader_is_killed(
    recipe: Path, together: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"

    process = torchrun(recipe, run, *TWO, "--resume")
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
    assert losses(run) == losses(together)
    for name in ("model.safetensors", f"checkpoints/update-{UPDATES:08d}"):
        one, other = run / name, together / name
        files = sorted(one.glob("*.safetensors")) if one.is_dir() else [one]
        for file in files:
            same = other / file.name if other.is_dir() else other
            assert file.read_bytes() == same.read_bytes()


def test_a_run_goes_on_with_another_number_of_processes(
    recipe: Path, alone: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    once = ("--set", "train.max_updates=10")

    run_of(recipe, run, [(*TWO, *once)] * 2)
    code, said = train(recipe, run, *TWO, "--resume")

    assert code == 0, said
    assert "going on from update 10" in said
    assert losses(run) == pytest.approx(losses(alone), rel=1e-5)


def test_more_than_two_resume_to_the_same_bits(recipe: Path, tmp_path: Path) -> None:
    # As large as it takes for gradients to go in several parts.
    large = ("--set", "model.width=160", "--set", "model.feed_forward=640")
    options = (
        *TWO,
        *large,
        "--set",
        "batch.accumulate=3",
        "--set",
        "train.save_every=2",
    )
    whole, run = tmp_path / "whole", tmp_path / "run"

    run_of(recipe, whole, [(*options, "--set", "train.max_updates=4")] * 3)
    run_of(recipe, run, [(*options, "--set", "train.max_updates=2")] * 3)
    longer = (*options, "--set", "train.max_updates=4", "--resume")
    run_of(recipe, run, [longer] * 3)

    newest = "checkpoints/update-00000004/model.safetensors"
    assert (run / newest).read_bytes() == (whole / newest).read_bytes()


def test_gradients_may_be_sent_in_half_as_many_bytes(
    recipe: Path, together: Path, tmp_path: Path
) -> None:
    half = (*TWO, "--set", "train.exchange=bf16", "--set", "train.max_updates=10")

    run = run_of(recipe, tmp_path / "run", [half, half])

    exact = losses(together)[:10]
    assert losses(run) == pytest.approx(exact, rel=1e-2)
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

    processes = several(recipe, tmp_path / "run", TWO, (*TWO, "--set", elsewhere))
    (first, said), (second, silence) = (each.wait() for each in processes)

    assert (first, second) == (2, 2)
    [error] = errors(said)
    assert "gone/valid.en" in error
    assert "Traceback" not in said
    assert silence == ""


def test_a_loss_that_is_no_number_is_said_once(recipe: Path, tmp_path: Path) -> None:
    absurd = (*TWO, "--set", "schedule.peak=1e30", "--set", "optimizer.clip_norm=0")

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
