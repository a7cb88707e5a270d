"""Trainers that are compared learn the same from the same."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from benchmarks.__main__ import app
from benchmarks.figures import Figures, TrainingCell
from benchmarks.pace import NoMoreOrders, Pace
from benchmarks.trainer_process import TrainerProcess
from benchmarks.trainer_settings import (
    JoeyNMTTrainerSettings,
    OursTrainerSettings,
    Task,
    Train,
    Trained,
    TrainerSettings,
    TransformersTrainerSettings,
)
from benchmarks.training_batches import Batches, read_examples
from benchmarks.training_task import make_task, pairs_of
from onnxlate.errors import ConfigError

PAIRS = pairs_of(None, None)[:300]

UPDATES = 30


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def task(cache: Path) -> Task:
    """Learnt so fast that a mistake would show after a few updates."""
    made = make_task("minimal", PAIRS, dropout=0.0, max_tokens=600, cache=cache)
    schedule = made.recipe["schedule"] | {"peak": 0.05, "warmup_updates": 10}
    return made.model_copy(update={"recipe": made.recipe | {"schedule": schedule}})


def with_dropout(task: Task, share: float) -> Task:
    model = task.recipe["model"] | {"dropout": share}
    return task.model_copy(update={"recipe": task.recipe | {"model": model}})


def trained(task: Task, settings: TrainerSettings) -> list[Trained]:
    """In two rounds."""
    with TrainerProcess(task, settings) as trainer:
        return [trainer.train(UPDATES // 2) for _ in range(2)]


def losses(rounds: list[Trained]) -> list[float]:
    return [loss for each in rounds for loss in each.losses]


@pytest.fixture(scope="module")
def ours(task: Task) -> list[Trained]:
    return trained(task, OursTrainerSettings())


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_transformers_learns_what_we_learn(
    task: Task, ours: list[Trained], attention: Any
) -> None:
    pytest.importorskip("accelerate")
    theirs = trained(task, TransformersTrainerSettings(attention=attention))

    assert len(losses(ours)) == UPDATES
    assert losses(ours)[-1] < losses(ours)[0] - 1
    assert losses(theirs) == pytest.approx(losses(ours), rel=2e-3)
    assert [each.tokens for each in theirs] == [each.tokens for each in ours]


@pytest.mark.skipif("JOEYNMT_PYTHON" not in os.environ, reason="needs JoeyNMT")
def test_joeynmt_learns_what_we_learn(task: Task, ours: list[Trained]) -> None:
    settings = JoeyNMTTrainerSettings(python=os.environ["JOEYNMT_PYTHON"])
    theirs = trained(task, settings)

    assert losses(theirs) == pytest.approx(losses(ours), rel=0.01)
    assert [each.tokens for each in theirs] == [each.tokens for each in ours]


def test_with_dropout_both_learn_less_and_about_as_much(
    task: Task, ours: list[Trained]
) -> None:
    pytest.importorskip("accelerate")
    shaken = with_dropout(task, 0.3)

    mine = losses(trained(shaken, OursTrainerSettings()))
    theirs = losses(trained(shaken, TransformersTrainerSettings()))

    last = UPDATES // 3
    assert sum(theirs[-last:]) == pytest.approx(sum(mine[-last:]), rel=0.1)
    assert min(sum(theirs[-last:]), sum(mine[-last:])) > sum(losses(ours)[-last:])


def test_what_the_cpu_does_not_multiply_is_a_mistake_that_says_so(task: Task) -> None:
    able = torch.cpu.get_capabilities()
    settings = OursTrainerSettings(precision="bf16")
    if able.get("avx512_bf16") or able.get("amx_bf16"):
        [first, _] = trained(task, settings)
        assert 0 < first.losses[-1] < first.losses[0]
    else:
        with pytest.raises(ConfigError, match=r"train\.precision"):
            trained(task, settings)


def test_real_target_tokens_are_counted(task: Task, ours: list[Trained]) -> None:
    examples, batches = read_examples(task), iter(Batches(task))

    for trained_in_round in ours:
        members = [i for _ in range(UPDATES // 2) for i in next(batches)]
        assert trained_in_round.tokens == sum(len(examples[i].target) for i in members)
        assert trained_in_round.speed > 0 < trained_in_round.cores


def test_batches_go_on_after_an_epoch(task: Task) -> None:
    batches, num_examples = iter(Batches(task)), len(read_examples(task))

    epochs: list[list[int]] = [[], []]
    for epoch in epochs:
        while len(epoch) < num_examples:
            epoch += next(batches).tolist()

    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(num_examples))
    assert epochs[0] != epochs[1]


def test_a_round_is_as_many_updates_as_were_asked_for() -> None:
    orders, reports = iter([Train(updates=2), Train(updates=1)]), list[Trained]()
    pace = Pace(orders, reports.append)

    pace.wait()
    pace.updated(3.0, 10)
    assert reports == []
    pace.updated(2.0, 20)
    with pytest.raises(NoMoreOrders):
        pace.updated(1.0, 40)

    assert [each.tokens for each in reports] == [30, 40]
    assert [each.losses for each in reports] == [[3.0, 2.0], [1.0]]


def test_one_file_alone_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--reference"):
        pairs_of(tmp_path / "train.en", None)


# ------------------------------------------------------------------ the command


def training(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["training", *map(str, arguments)])


def texts(folder: Path) -> Iterator[str | Path]:
    """Options that say where the pairs are."""
    for side, (option, name) in enumerate((("--text", "en"), ("--reference", "de"))):
        path = folder / f"train.{name}"
        path.write_text("".join(f"{pair[side]}\n" for pair in PAIRS))
        yield from (option, path)


def test_the_command_writes_speeds_losses_and_their_ratio(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    done = training(
        *texts(tmp_path),
        *("--models", "minimal", "--dropouts", "0", "--batch-tokens", "600"),
        *("--rounds", "2", "--round-seconds", "0", "--sweep", "never"),
        *("--threads", "1", "--cache", tmp_path, "--json", tmp_path / "figures.json"),
    )

    assert done.exit_code == 0, done.output
    figures = Figures.read(tmp_path / "figures.json")
    assert figures.text == "train.en"
    assert "accelerate" in figures.software
    [cell] = figures.cells
    assert isinstance(cell, TrainingCell)
    named = (cell.model, cell.precision, cell.peer)
    assert named == ("minimal", "fp32", "transformers")
    assert cell.ours and cell.theirs
    assert cell.ratio == pytest.approx(cell.ours / cell.theirs)
    assert cell.our_loss == pytest.approx(cell.their_loss, rel=0.001)
    assert cell.our_settings.threads == cell.their_settings.threads == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--models", "huge"),
        ("--precisions", "int8"),
        ("--dropouts", "1.5"),
        ("--text", "nowhere"),
        ("--joeynmt", "no-python"),
    ],
)
def test_a_mistake_is_named(option: str, value: str, tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    done = training(option, value, "--cache", tmp_path)

    assert isinstance(done.exception, ConfigError)
    assert option in str(done.exception)
