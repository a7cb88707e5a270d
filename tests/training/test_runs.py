"""Whole runs: killed, resumed, shared out, and driven against the wall."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from onnxlate.errors import ConfigError, CorpusError, TrainingError
from onnxlate_training.checkpoint import RunFolder, load_model
from onnxlate_training.cli import train_run
from onnxlate_training.recipe import load_recipe

from .runs import Training, arguments, errors, history, train, write_corpus


def train_here(recipe: Path, run: Path, *changes: str, resume: bool = False) -> None:
    """In this process, where a mistake is an exception."""
    folder = f"data.folder={json.dumps(str(recipe.parent))}"
    train_run(load_recipe(recipe, [folder, *changes]), run, resume)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def whole(recipe: Path) -> Path:
    """A run that nobody interrupted."""
    run = recipe.parent / "whole"
    train_here(recipe, run)
    return run


def interrupt(training: Training, number: signal.Signals) -> tuple[int, str]:
    """Signals it some time after it first saved; its status and words."""
    training.get_going()
    # No moment is special, so any will do, as long as there are updates left.
    time.sleep(random.uniform(0, 0.03))
    training.send(number)
    return training.wait()


def last_files(run: Path) -> list[bytes]:
    newest = run / "checkpoints" / "update-00000040"
    paths = [run / "model.safetensors", newest / "model.safetensors"]
    paths.append(newest / "optimizer.safetensors")
    return [path.read_bytes() for path in paths]


def repeatable(run: Path) -> list[dict[str, float]]:
    """The history but for what the clock says."""
    clocked = {"time", "tokens_per_second", "cpu_share", "seconds"}
    return [
        {key: value for key, value in line.items() if key not in clocked}
        for line in [*history(run), *history(run, "valid")]
    ]


def test_a_run_killed_stopped_and_resumed_ends_in_the_same_weights(
    recipe: Path, whole: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"

    status, _ = interrupt(Training.start(recipe, run), signal.SIGKILL)
    assert status == -signal.SIGKILL
    resumed = Training.start(recipe, run, "--resume")
    status, said = interrupt(resumed, signal.SIGTERM)
    assert status == 143, said
    assert "stopped and saved at update" in said
    status, said = train(recipe, run, "--resume")

    assert status == 0, said
    assert "going on from update" in said
    assert last_files(run) == last_files(whole)
    assert [line["update"] for line in history(run)] == list(range(1, 41))
    assert repeatable(run) == repeatable(whole)


def test_a_run_that_is_interrupted_at_the_keyboard_saves_first(
    recipe: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"

    status, said = interrupt(Training.start(recipe, run), signal.SIGINT)

    assert status == 130
    assert "Traceback" not in said
    saved = RunFolder(run).checkpoints()[-1].update
    assert f"stopped and saved at update {saved}; --resume goes on" in said


def test_a_run_goes_on_only_as_it_began(
    recipe: Path, whole: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="already holds a run; go on with --resume"):
        train_here(recipe, whole)
    with pytest.raises(ConfigError, match=r"begun with another model\.dropout"):
        train_here(recipe, whole, "model.dropout=0.2", resume=True)

    other = write_corpus(tmp_path)
    for side in (tmp_path / "train.en", tmp_path / "train.de"):
        side.write_text("".join(side.read_text().splitlines(keepends=True)[:50]))
    with pytest.raises(CorpusError, match=r"train\.en has .* bytes, and had "):
        train_here(other, whole, resume=True)

    assert len(last_files(whole)) == 3, "a refusal takes nothing away"


def test_a_corpus_is_made_anew_if_it_has_gone_and_must_come_to_the_same(
    recipe: Path, whole: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    made = {path.name: path.read_bytes() for path in (run / "corpus").iterdir()}
    shutil.rmtree(run / "corpus")

    other = write_corpus(tmp_path)
    for side in (tmp_path / "train.en", tmp_path / "train.de"):
        side.write_text("".join(side.read_text().splitlines(keepends=True)[:50]))
    with pytest.raises(CorpusError, match="kept 400 pairs, this 50"):
        train_here(other, run, resume=True)
    assert not (run / "corpus").exists()

    train_here(recipe, run, resume=True)
    assert {p.name: p.read_bytes() for p in (run / "corpus").iterdir()} == made


def prepare(recipe: Path, run: Path, *changes: str) -> None:
    folder = f"data.folder={json.dumps(str(recipe.parent))}"
    settings = load_recipe(recipe, [folder, *changes])
    assert train_run(settings, run, resume=False, prepare_only=True)


def test_a_corpus_may_be_prepared_beforehand(whole: Path, tmp_path: Path) -> None:
    recipe, run = write_corpus(tmp_path), tmp_path / "run"
    prepare(recipe, run)
    assert RunFolder(run).checkpoints() == []
    made = (run / "corpus" / "made_of.json").stat()
    for text in tmp_path.glob("train.*"):
        text.unlink()

    train_here(recipe, run)

    assert last_files(run) == last_files(whole)
    assert (run / "corpus" / "made_of.json").stat() == made


def test_text_that_changes_before_a_run_begins_is_read_again(tmp_path: Path) -> None:
    recipe, run = write_corpus(tmp_path), tmp_path / "run"
    prepare(recipe, run)
    before = (run / "corpus" / "source.values").read_bytes()
    text = tmp_path / "train.en"
    size = text.stat().st_size
    text.write_text(text.read_text().replace("one", "two"))
    assert text.stat().st_size == size

    prepare(recipe, run)

    assert (run / "corpus" / "source.values").read_bytes() != before


def test_a_corpus_is_not_used_with_tokenizers_that_it_was_not_made_with(
    recipe: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    prepare(recipe, run)
    with pytest.raises(ConfigError, match="this text allows at most"):
        prepare(recipe, run, "tokenizer.vocabulary=90000")
    assert not (run / "corpus").exists()

    prepare(recipe, run)

    assert (run / "joint.spm").is_file()


def test_a_run_that_starts_from_another_needs_no_text_either(
    whole: Path, tmp_path: Path
) -> None:
    recipe, run = write_corpus(tmp_path), tmp_path / "run"
    further = (f"train.start_from={json.dumps(str(whole))}", "train.max_updates=2")
    prepare(recipe, run, *further)
    for text in tmp_path.glob("train.*"):
        text.unlink()

    train_here(recipe, run, *further)

    assert RunFolder(run).progress().update == 2


@pytest.mark.parametrize("name", ["corpus.json", "corpus/made_of.json"])
def test_what_is_known_of_a_corpus_is_found_again(
    name: str, recipe: Path, whole: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    known = (run / name).read_bytes()
    (run / name).unlink()

    train_here(recipe, run, resume=True)

    assert (run / name).read_bytes() == known


def test_damage_to_a_corpus_is_told(recipe: Path, tmp_path: Path) -> None:
    run, dropout = tmp_path / "run", "tokenizer.dropout=0.1"
    prepare(recipe, run, dropout)
    cuts = run / "corpus" / "source.ids.npy"
    cuts.write_bytes(cuts.read_bytes()[:-4])
    with pytest.raises(TrainingError, match=r"source\.ids\.npy .* damaged"):
        prepare(recipe, run, dropout)


def test_a_damaged_report_is_told(whole: Path, recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    (run / "corpus.json").write_text("{")

    with pytest.raises(TrainingError, match=r"corpus\.json is damaged; delete it"):
        train_here(recipe, run, resume=True)


def test_a_run_goes_on_without_the_text_that_it_learns(
    recipe: Path, whole: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    for name in ("valid.en", "valid.de"):
        shutil.copy(recipe.parent / name, tmp_path)
    moved = f"data.folder={json.dumps(str(tmp_path))}"

    longer = load_recipe(recipe, [moved, "train.max_updates=45"])
    train_run(longer, run, resume=True)

    assert RunFolder(run).progress().update == 45


def test_a_loss_that_is_no_number_ends_the_run_in_one_line(
    recipe: Path, tmp_path: Path
) -> None:
    status, said = train(
        *(recipe, tmp_path / "run"),
        *("--set", "schedule.peak=1e30", "--set", "optimizer.clip_norm=0"),
    )

    assert status == 2
    assert "Traceback" not in said
    [line] = errors(said)
    assert "Lower schedule.peak" in line


LIMITED = """
import os, resource, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
"""Python whose files are no larger than so many bytes. `preexec_fn` would have this
process copied, in which gRPC may abort if other tests have begun it."""


def test_a_full_disk_loses_nothing(recipe: Path, whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    before = last_files(run)
    # A limit on the size of a file stands in for the end of the disk.
    limit = len(before[1]) // 2
    longer = ("--resume", "--set", "train.max_updates=45")
    command = [sys.executable, "-c", LIMITED, str(limit), "-m", "onnxlate_training"]
    command += arguments(recipe, run, *longer)

    done = subprocess.run(command, capture_output=True, text=True, timeout=200)

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "free some room and go on with --resume" in done.stderr
    assert RunFolder(run).checkpoints()[-1].update == 40
    newest = run / "checkpoints" / "update-00000040"
    assert (newest / "model.safetensors").read_bytes() == before[1]
    assert not list(run.rglob(".update-*"))


def test_a_folder_with_somebody_elses_files_is_left_alone(tmp_path: Path) -> None:
    recipe = write_corpus(tmp_path)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "mine").write_text("years of work")
    before = {path: path.stat() for path in tmp_path.rglob("*")}

    with pytest.raises(ConfigError, match=r"corpus is there, and not of a training"):
        train_here(recipe, tmp_path)

    assert {path: path.stat() for path in tmp_path.rglob("*")} == before
    corpus.rename(tmp_path / "elsewhere")
    (tmp_path / "joint.spm").write_text("mine")
    with pytest.raises(ConfigError, match=r"joint\.spm is there"):
        train_here(recipe, tmp_path)
    (tmp_path / "recipe.json").write_text('{"cake": 1}')
    with pytest.raises(ConfigError, match=r"recipe\.json is there, and not of a"):
        train_here(recipe, tmp_path)
    assert (tmp_path / "recipe.json").read_text() == '{"cake": 1}'


def test_what_comes_into_a_folder_after_a_failed_start_is_left_alone(
    recipe: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with pytest.raises(CorpusError):
        train_here(recipe, run, f"data.folder={json.dumps(str(run / 'corpus'))}")
    shutil.copytree(recipe.parent, run / "corpus", ignore=shutil.ignore_patterns("r*"))
    mine = [run / ".notes.2024", run / "old.spm"]
    for path in mine:
        path.write_text("mine")

    with pytest.raises(ConfigError, match=r"corpus is there, and not of a training"):
        train_here(recipe, run, f"data.folder={json.dumps(str(run / 'corpus'))}")
    assert (run / "corpus" / "train.en").is_file()
    assert all(path.read_text() == "mine" for path in mine)


def test_a_stop_that_is_scored_is_a_checkpoint_like_others(
    recipe: Path, whole: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    newest = RunFolder(run).checkpoints()[-1]
    stopped = newest.load_progress()
    del stopped.scores[newest.update]
    stopped.in_between = True
    newest.write_progress(stopped)

    train_here(recipe, run, resume=True)

    assert newest.update in newest.load_progress().scores
    assert not newest.in_between


def test_two_processes_do_not_train_into_one_folder(
    recipe: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    first = Training.start(recipe, run, "--set", "train.max_updates=100000")
    first.get_going()

    with pytest.raises(ConfigError, match="another process trains into"):
        train_here(recipe, run, "train.max_updates=100000", resume=True)
    first.send(signal.SIGKILL)
    first.wait()
    updates = RunFolder(run).progress().update

    train_here(recipe, run, f"train.max_updates={updates + 1}", resume=True)


def test_heads_that_cannot_be_exported_are_told_before_the_text_is_read(
    recipe: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"width 24 over model\.heads 2 makes .* 12"):
        train_here(recipe, tmp_path / "run", "model.width=24")
    assert not (tmp_path / "run" / "corpus").exists()


def test_a_model_without_checkpoints_is_not_replaced(
    recipe: Path, whole: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    shutil.rmtree(run / "checkpoints")

    for resume in (False, True):
        with pytest.raises(ConfigError, match="holds a model and no checkpoint"):
            train_here(recipe, run, resume=resume)

    model = "model.safetensors"
    assert (run / model).read_bytes() == (whole / model).read_bytes()


def test_what_the_machine_cannot_multiply_is_told_before_the_text_is_read(
    recipe: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with pytest.raises(ConfigError, match="does not multiply"):
        train_here(recipe, run, "train.precision=fp16", "train.device=cpu")
    assert not (run / "corpus").exists()


def test_a_run_says_where_its_weights_are_from(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    prepare(recipe, run)
    assert f"{run}: 400 of 402 pairs kept" in capsys.readouterr().err

    train_here(recipe, run, "train.max_updates=6")
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"{run}: the final weights, of updates 5, 6"


def test_training_stops_when_validation_gets_no_better(
    recipe: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"

    # With a rate of next to nothing, no validation is better than the first.
    train_here(
        *(recipe, run, "schedule.peak=1e-9", "train.metric=bleu"),
        *("train.validate_every=5", "train.patience=2"),
    )

    assert [line["update"] for line in history(run, "valid")] == [5, 10, 15]
    assert RunFolder(run).progress().update == 15


def test_the_newest_and_the_best_checkpoints_stay(whole: Path) -> None:
    run = RunFolder(whole)

    kept = [each.update for each in run.checkpoints()]

    # Three newest of 5, 10, ... 40, and the best of the validations at 20 and 40.
    assert kept == [20, 30, 35, 40]
    assert [each.has_optimizer for each in run.checkpoints()] == [False] * 3 + [True]
    assert json.loads(run.final_note.read_text())["updates"] == [30, 35, 40]
    assert load_model(whole).provenance["updates"] == 40


def test_the_report_on_the_corpus_adds_up(whole: Path) -> None:
    report = json.loads(RunFolder(whole).corpus_report.read_text())

    assert (report["read"], report["kept"]) == (402, 400)
    assert report["dropped"] == {"seen before": 1, "with an empty side": 1}
