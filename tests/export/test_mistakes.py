"""What a user gets wrong is told in a line, and harms nothing that is there."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from onnxlate.bundle import Bundle
from onnxlate.cli import app
from onnxlate.errors import ConfigError, ExportError, OnnxlateError
from onnxlate_export.export import export_bundle
from onnxlate_training.checkpoint import LoadedModel, load_model

from .models import SMALL, random_run

V1 = Path(__file__).parents[1] / "bundles" / "v1"


def mistake(*arguments: str | Path) -> OnnxlateError:
    """What the command line raises, for `main` to print and to leave with 2."""
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert isinstance(result.exception, OnnxlateError), result.output
    return result.exception


def test_a_run_without_weights_cannot_be_exported(tmp_path: Path) -> None:
    run = random_run(tmp_path)
    for each in ("model.safetensors", "model.json"):
        (run / each).unlink()

    found = mistake("export", run, "-o", tmp_path / "bundle")

    assert isinstance(found, ConfigError)
    assert "has no checkpoint yet" in str(found)
    assert not (tmp_path / "bundle").exists()


def test_a_corpus_that_moved_is_asked_for_and_then_found(tmp_path: Path) -> None:
    run, moved = random_run(tmp_path), tmp_path / "moved"
    moved.mkdir()
    for name in ("train.en", "train.de", "valid.en", "valid.de"):
        (tmp_path / name).rename(moved / name)

    found = mistake("export", run, "-o", tmp_path / "bundle")
    assert isinstance(found, ExportError)
    assert "--data" in str(found)
    assert not (tmp_path / "bundle").exists()

    assert len(load_model(run, moved).validation_source) == 40


def test_a_refused_bundle_leaves_the_old_one_as_it_was(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    old = tmp_path / "bundle"
    old.mkdir()
    for each in V1.iterdir():
        (old / each.name).write_bytes(each.read_bytes())

    with pytest.raises(ExportError):
        export_bundle(replace(loaded, validation_source=[]), old)

    assert Bundle.open(old).manifest == Bundle.open(V1).manifest
    assert list(tmp_path.iterdir()) == [old]


def test_pictures_are_of_runs_and_tables_of_bundles(tmp_path: Path) -> None:
    assert "is a bundle" in str(mistake("inspect", V1, "--pictures", tmp_path))
    assert "is not a training run" in str(
        mistake("inspect", tmp_path, "--pictures", tmp_path / "pictures")
    )
    assert "manifest.json" in str(mistake("inspect", tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_says_nothing_is_asked_for_words(tmp_path: Path) -> None:
    run, folder = random_run(tmp_path), tmp_path / "pictures"

    found = mistake("inspect", run, "--pictures", folder, "--source", " ")

    assert "translates ' ' to nothing; give its translation with --target" in str(found)
    assert not folder.exists()


@pytest.mark.parametrize("version", ["", "1 2", "a/b", "1@2", ".1"])
def test_a_version_must_be_one_that_can_be_asked_for(
    loaded: LoadedModel, tmp_path: Path, version: str
) -> None:
    with pytest.raises(ConfigError, match="must be letters, digits"):
        export_bundle(loaded, tmp_path / "bundle", version=version)
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_no_folder_can_be_made_is_told_before_the_gate(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    told: list[str] = []
    for place, words in (
        (tmp_path / "file" / "bundle", "file is no folder that may be written"),
        (Path("."), "names no new folder"),
        (Path(".."), "names no new folder"),
    ):
        with pytest.raises(ExportError, match=words):
            export_bundle(loaded, place, on_progress=lambda what, *_: told.append(what))
    assert told == []


def test_ctranslate2s_directory_needs_a_name_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ctranslate2")
    run = random_run(tmp_path)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")

    found = mistake("export", run, "-o", ".", "--to", "ctranslate2")

    assert "names no new folder" in str(found)


def test_a_link_gives_way_to_the_bundle_and_what_it_leads_to_stays(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    link = tmp_path / "current"
    link.symlink_to(V1)

    export_bundle(loaded, link)

    assert not link.is_symlink()
    assert Bundle.open(V1).manifest.name != Bundle.open(link).manifest.name
    assert [each.name for each in tmp_path.iterdir()] == ["current"]


def test_heads_that_onnxruntime_does_not_take_are_told(
    tmp_path: Path,
) -> None:
    run = random_run(tmp_path, SMALL.model_copy(update={"width": 24}))

    found = mistake("export", run, "-o", tmp_path / "bundle")

    assert "heads are 12 wide" in str(found)
    assert not (tmp_path / "bundle").exists()


def test_an_empty_version_is_no_version(tmp_path: Path) -> None:
    run = random_run(tmp_path)

    found = mistake("export", run, "-o", tmp_path / "bundle", "--version", "")

    assert "--version '' must be letters" in str(found)
