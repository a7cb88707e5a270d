"""Bundles on disk: whole or not at all, never in place of something else."""

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from onnxlate.bundle import Bundle
from onnxlate.errors import ConfigError, ExportError
from onnxlate_export.attention_gate import AttentionSessions
from onnxlate_export.description import describe
from onnxlate_export.export import export_bundle, new_folder
from onnxlate_export.stepper import OrtStepper
from onnxlate_serving.config import RuntimeConfig
from onnxlate_serving.sessions import Sessions
from onnxlate_training.checkpoint import LoadedModel, load_model
from onnxlate_training.decode import pad

from .models import random_run


@pytest.fixture(scope="module")
def half(loaded: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = tmp_path_factory.mktemp("bundles") / "half"
    return export_bundle(loaded, path, "fp16", version="7", max_sentences=8)


def test_an_fp16_bundle_holds_halves_and_speaks_in_floats(half: Bundle) -> None:
    infos = {each.name: each.dtype for each in half.manifest.decoder.outputs}
    assert infos["present_keys_0"] == "float16"
    assert infos["logits"] == "float32"

    rows = OrtStepper(half.encoder, half.decoder, 1).start(*pad([[5, 6, 3]]))
    assert rows.step(pad([[2]])[0][:, 0]).dtype == "float32"


def test_the_manifest_tells_what_the_model_is(
    half: Bundle, loaded: LoadedModel
) -> None:
    manifest = half.manifest

    assert (manifest.name, manifest.version) == ("random", "7")
    assert manifest.model.parameters == loaded.model.num_parameters()
    assert manifest.model.head_width * manifest.model.heads == manifest.model.width
    assert manifest.source_tokenizer == manifest.target_tokenizer == "joint.spm"
    graphs = {"encoder.onnx", "decoder.onnx", "attention.onnx"}
    assert set(manifest.files) == graphs | {"joint.spm"}
    assert manifest.provenance["recipe"] == "random"


def test_fp16_tells_where_it_looks_too(half: Bundle) -> None:
    manifest = half.manifest
    assert manifest.attention
    assert manifest.attention.mean_difference < 0.05

    served = Sessions(half, RuntimeConfig(device="cpu", threads=1))
    attention = served.open_attention(manifest.attention.graph)
    sessions = AttentionSessions(served.encoder, attention)
    seen = sessions.look(pad([[5, 6, 3]]), pad([[2, 7, 8, 9]])[0])

    assert seen.dtype == "float32"
    layers, heads = manifest.model.decoder_layers, manifest.model.heads
    assert seen.shape == (1, layers, heads, 4, 3)
    assert seen.sum(axis=-1) == pytest.approx(1, abs=1e-2)


def test_what_is_no_bundle_is_not_overwritten(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(ExportError, match="is not a bundle"):
        export_bundle(loaded, tmp_path)

    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_refused_bundle_leaves_nothing_behind(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    with pytest.raises(ExportError):
        export_bundle(replace(loaded, validation_source=[]), tmp_path / "bundle")

    assert list(tmp_path.iterdir()) == []


def test_a_crash_while_writing_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    with new_folder(path) as folder:
        (folder / "file").write_text("old")

    with pytest.raises(RuntimeError), new_folder(path) as folder:
        (folder / "file").write_text("new")
        raise RuntimeError

    assert (path / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_replaced_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bundle"
    path.mkdir()
    (path / "file").write_text("old")
    rename = Path.rename

    def fails_once(self: Path, target: Path) -> Path:
        if target == path and not self.name.endswith(".old"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_once)
    refused = pytest.raises(ExportError, match="Input/output error")
    with refused, new_folder(path) as folder:
        (folder / "file").write_text("new")

    assert (path / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    refused = pytest.raises(ExportError, match="cannot be written")
    with refused, new_folder(tmp_path / "file" / "bundle"):
        pass


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_the_command_writes_a_bundle_and_replaces_it(tmp_path: Path) -> None:
    run, bundle = random_run(tmp_path), tmp_path / "bundle"

    first = command("onnxlate_export", run, "-o", bundle, "--json")
    assert first.returncode == 0, first.stderr
    figures = json.loads(first.stdout)
    assert figures["digest"] == Bundle.open(bundle).manifest.digest()
    assert figures["gate"]["greedy_equal"] == figures["gate"]["sentences"] == 40

    card = tmp_path / "card.md"
    card.write_text("Made of random numbers.")
    options = ("--precision", "int8", "--json", "--card", card)
    second = command("onnxlate_export", run, "-o", bundle, *options)
    assert second.returncode == 0, second.stderr
    assert Bundle.open(bundle).manifest.precision == "int8"
    assert json.loads(second.stdout)["bytes"] < figures["bytes"]
    described = describe(Bundle.open(bundle))
    assert described["operators"]["decoder.onnx"]["MatMulIntegerToFloat"]
    assert (bundle / "README.md").read_bytes() == card.read_bytes()
    assert "README.md" in Bundle.open(bundle).manifest.files


def test_a_card_that_is_not_there_is_missed_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"card .*gone cannot be read: No such file"):
        export_bundle(
            load_model(random_run(tmp_path)),
            tmp_path / "bundle",
            on_progress=lambda *_: pytest.fail("it began"),
            card=tmp_path / "gone",
        )


def test_mistakes_are_one_line_and_exit_status_2(tmp_path: Path) -> None:
    for arguments in (
        (tmp_path, "-o", tmp_path / "bundle"),
        (tmp_path / "nowhere", "-o", tmp_path / "bundle"),
    ):
        failed = command("onnxlate_export", *arguments)
        assert failed.returncode == 2
        assert failed.stderr.startswith("error: ")
        assert "is not a training run" in failed.stderr
        assert failed.stderr.count("\n") == 1
