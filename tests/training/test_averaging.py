"""One model of several that went on from the same weights."""

import json
import resource
import shutil
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from onnxlate.cli import app
from onnxlate.errors import ConfigError, TrainingError
from onnxlate_training.averaging import average_runs
from onnxlate_training.checkpoint import RunFolder, load_model
from onnxlate_training.cli import train_run
from onnxlate_training.recipe import load_recipe

from .runs import write_corpus


def train_here(recipe: Path, name: str, *changes: str) -> Path:
    folder = f"data.folder={json.dumps(str(recipe.parent))}"
    path = recipe.parent / name
    train_run(load_recipe(recipe, [folder, *changes]), path, resume=False)
    return path


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def start(recipe: Path) -> Path:
    return train_here(recipe, "start", "train.max_updates=4")


@pytest.fixture(scope="module")
def went_on(recipe: Path, start: Path) -> list[Path]:
    begun = f"train.start_from={json.dumps(str(start))}"
    return [
        train_here(
            recipe, f"on-{seed}", begun, f"seed={seed}", f"train.max_updates={n}"
        )
        for seed, n in ((7, 4), (8, 6))
    ]


def test_its_weights_are_the_mean_of_theirs(
    went_on: list[Path], tmp_path: Path
) -> None:
    made = tmp_path / "made"
    result = CliRunner().invoke(
        app, ["average", *map(str, went_on), "-o", str(made), "--json"]
    )

    assert json.loads(result.stdout) == {"run": str(made), "updates": [4, 6]}
    one, other = (RunFolder(path).result()[0] for path in went_on)
    mean = RunFolder(made).result()[0]
    assert set(mean) == set(one)
    for name, weight in mean.items():
        torch.testing.assert_close(weight, (one[name] + other[name]) / 2)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_it_can_be_loaded_and_says_what_it_is_of(
    went_on: list[Path], tmp_path: Path
) -> None:
    average_runs(went_on, tmp_path / "made")

    loaded, first = load_model(tmp_path / "made"), load_model(went_on[0])
    seen = [load_model(path).provenance["target_tokens_seen"] for path in went_on]
    assert loaded.name == first.name
    assert loaded.provenance["average"] == "2 runs of [4, 6]"
    assert loaded.provenance["updates"] == 10
    assert loaded.provenance["target_tokens_seen"] == sum(map(int, seen))


def test_a_mean_may_be_taken_of_means_and_of_the_same_start_by_another_name(
    recipe: Path, start: Path, went_on: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(start)
    begun = f"train.start_from={json.dumps(str(tmp_path / 'link'))}"
    third = train_here(recipe, "on-9", begun, "seed=9", "train.max_updates=3")

    average_runs(went_on, tmp_path / "made")
    average_runs([tmp_path / "made", third], tmp_path / "again")

    provenance = load_model(tmp_path / "again").provenance
    assert provenance["average"] == "2 runs of [10, 3]"
    assert provenance["updates"] == 13


def test_a_mean_may_be_taken_of_generations(
    recipe: Path, start: Path, went_on: list[Path], tmp_path: Path
) -> None:
    mean = tmp_path / "mean"
    average_runs(went_on, mean)
    begun = f"train.start_from={json.dumps(str(mean))}"
    child = train_here(recipe, "child", begun, "train.max_updates=2")

    average_runs([child, went_on[0], start], tmp_path / "made")

    made = RunFolder(tmp_path / "made").result()[0]
    parts = [RunFolder(path).result()[0] for path in (child, went_on[0], start)]
    for name, weight in made.items():
        torch.testing.assert_close(weight, sum(part[name] for part in parts) / 3)

    # Nor does it matter which run is named first, whose recipe a mean has.
    average_runs([start, went_on[0]], tmp_path / "with-start")
    begun = f"train.start_from={json.dumps(str(tmp_path / 'with-start'))}"
    other = train_here(recipe, "other", begun, "train.max_updates=2")
    average_runs([went_on[1], other], tmp_path / "of-other")

    # Where the mean is gone, nobody knows where the child came from.
    shutil.rmtree(mean)
    with pytest.raises(ConfigError, match=r"started from .*mean and .* from .*start"):
        average_runs([child, went_on[0]], tmp_path / "again")


def test_a_full_disk_leaves_nothing_in_the_way(
    went_on: list[Path], tmp_path: Path
) -> None:
    made = tmp_path / "made"
    # A limit on the size of a file stands in for the end of the disk.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    room = (went_on[0] / "model.safetensors").stat().st_size // 2

    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(TrainingError, match="free some room"):
            average_runs(went_on, made)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert not made.exists()
    average_runs(went_on, made)


def test_runs_that_began_apart_have_no_mean(
    recipe: Path, went_on: list[Path], tmp_path: Path
) -> None:
    made = tmp_path / "made"
    apart = train_here(recipe, "apart", "seed=5", "train.max_updates=2")
    with pytest.raises(ConfigError, match=r"started from chance and .*start"):
        average_runs([apart, went_on[0]], made)
    with pytest.raises(ConfigError, match=r"started from .*start and .* from chance"):
        average_runs([went_on[0], apart], made)
    with pytest.raises(ConfigError, match="alone has no mean"):
        average_runs(went_on[:1], made)
    with pytest.raises(ConfigError, match="named twice"):
        average_runs([went_on[0], went_on[0]], made)
    with pytest.raises(ConfigError, match="is there already"):
        average_runs(went_on, recipe.parent)
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    with pytest.raises(ConfigError, match="is there already"):
        average_runs(went_on, link)
    assert link.is_symlink()
    with pytest.raises(ConfigError, match="not a training run"):
        average_runs([went_on[0], tmp_path], made)
    lost = tmp_path / "lost"
    shutil.copytree(went_on[1], lost)
    (lost / "joint.spm").unlink()
    with pytest.raises(ConfigError, match=r"cannot read .*lost/joint\.spm"):
        average_runs([went_on[0], lost], made)
    (lost / "joint.spm").write_bytes(b"another")
    with pytest.raises(ConfigError, match=r"joint\.spm differ; runs that are averaged"):
        average_runs([went_on[0], lost], made)
    assert not made.exists()
