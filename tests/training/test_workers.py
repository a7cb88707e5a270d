"""Several processes that train one model."""

import json
import os
import signal
from pathlib import Path

import pytest

from onnxlate.errors import ConfigError
from onnxlate_training.recipe import load_recipe
from onnxlate_training.workers import joined

from .runs import errors, history, several, torchrun, train, write_corpus

TWO = ("--set", "batch.accumulate=2", "--set", "train.max_updates=16")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def test_two_processes_follow_one(recipe: Path, tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"

    code, said = train(recipe, alone, *TWO)
    assert code == 0, said
    code, said = torchrun(recipe, together, *TWO)
    assert code == 0, said

    one, two = history(alone), history(together)
    assert max(each["epoch"] for each in one) > 0  # past an odd last update
    for figure in ("loss", "gradient_norm"):
        assert [each[figure] for each in two] == pytest.approx(
            [each[figure] for each in one], rel=1e-4
        )
    assert [each["loss"] for each in two] == pytest.approx(
        [each["loss"] for each in one], rel=1e-5
    )
    assert history(together, "valid")[-1]["loss"] == pytest.approx(
        history(alone, "valid")[-1]["loss"], rel=1e-5
    )


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
