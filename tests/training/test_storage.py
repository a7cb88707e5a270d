"""Files and folders on a disk that fills up, and checkpoints that were damaged."""

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from onnxlate.errors import ConfigError, TrainingError
from onnxlate_training.checkpoint import Progress, RunFolder, load_model
from onnxlate_training.recipe import load_recipe
from onnxlate_training.storage import (
    new_folder,
    remove_folder,
    sweep,
    write_atomically,
    write_files,
)
from onnxlate_training.weights import average, load_tensors

from .runs import write_corpus


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow beyond 1,000 bytes, which fails like a full disk.

    No fixture: pytest's own output may be such a file, and is written before fixtures
    are undone.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    with full_disk(), pytest.raises(TrainingError, match="free some room"):
        write_atomically(path, b"new" * 1000)

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_that_does_not_fit_leaves_the_others(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.save({"w": torch.ones(3)}, {}, Progress(update=5))

    reason = "update-00000010 cannot be written"
    with full_disk(), pytest.raises(TrainingError, match=reason):
        run.save({"w": torch.ones(1000)}, {}, Progress(update=10))

    [left] = run.checkpoints()
    assert left.update == 5
    assert torch.equal(left.load_model()["w"], torch.ones(3))


def test_a_half_written_folder_never_counts(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "made") as folder:
        (folder / "half").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []

    # What a SIGKILL leaves, since nobody tidies up after one.
    (tmp_path / "checkpoints" / ".update-00000005.123").mkdir(parents=True)
    assert run.checkpoints() == []
    sweep(tmp_path / "checkpoints", r"update-\d+")
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_a_run_that_goes_on_tidies_up_after_a_killed_one(tmp_path: Path) -> None:
    recipe = load_recipe(write_corpus(tmp_path))
    run = RunFolder(tmp_path / "run")
    run.open_for(recipe)
    made = run.save({"w": torch.ones(3)}, {}, Progress(update=5)).path
    left = made / ".state.json.123", made.parent / ".update-00000010.123"
    left[0].touch()
    left[1].mkdir()

    run.open_for(recipe)

    assert not any(each.exists() for each in left)
    assert {each.name for each in made.iterdir()} >= {"state.json", "model.safetensors"}


def test_a_removed_folder_is_gone_and_removing_it_twice_is_no_error(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()

    remove_folder(folder)
    remove_folder(folder)

    assert list(tmp_path.iterdir()) == []


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    for turn in "ab":
        elsewhere = tmp_path / turn
        elsewhere.mkdir()
        (tmp_path / "corpus").symlink_to(elsewhere)
        with new_folder(tmp_path / "corpus") as folder:
            (folder / "new").touch()
        remove_folder(tmp_path / "corpus")

    (tmp_path / "corpus").symlink_to(tmp_path / "nowhere")
    remove_folder(tmp_path / "corpus")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_files_replace_nothing_but_themselves(tmp_path: Path) -> None:
    for _ in range(2):
        write_files(tmp_path / "new", {"a": b"1", "b": b"2"})

    with pytest.raises(ConfigError, match="b is there already, and not the same"):
        write_files(tmp_path / "new", {"c": b"3", "b": b"other"})
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a", "b"]


def test_the_last_and_the_best_are_kept(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    progress = Progress(scores={1: 7.0, 2: 9.0, 3: 9.0, 4: 1.0, 5: 2.0})
    for update in range(1, 6):
        progress.update = update
        run.save({"w": torch.ones(1)}, {"m": torch.ones(1)}, progress)

    run.prune(progress, keep_last=1, keep_best=2)

    assert [each.update for each in run.checkpoints()] == [2, 3, 5]
    assert [each.has_optimizer for each in run.checkpoints()] == [False, False, True]


def test_an_average_is_the_mean_of_each_weight() -> None:
    models = [{"w": torch.tensor([0.0, 3.0])}, {"w": torch.tensor([2.0, 4.0])}]

    assert average(models)["w"].tolist() == [1.0, 3.5]
    assert average(models)["w"].dtype is torch.float32


def test_damaged_files_are_named(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    checkpoint = run.save({"w": torch.ones(9)}, {}, Progress(update=5))
    weights, state = (
        checkpoint.path / name for name in ("model.safetensors", "state.json")
    )
    weights.write_bytes(weights.read_bytes()[:-4])
    state.write_text('{"update"')

    with pytest.raises(TrainingError, match=r"model\.safetensors is .*damaged"):
        checkpoint.load_model()
    with pytest.raises(TrainingError, match=r"state\.json is damaged"):
        checkpoint.load_progress()
    with pytest.raises(TrainingError, match="missing or damaged"):
        load_tensors(tmp_path / "nowhere")


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a training run"):
        load_model(tmp_path)
