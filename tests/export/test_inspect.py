"""What `onnxlate inspect` shows of a bundle, and draws of a run."""

import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from onnxlate.bundle import Bundle
from onnxlate.cli import app
from onnxlate.errors import ConfigError, InvalidRequest
from onnxlate_export.attention import attention_maps
from onnxlate_export.description import tables
from onnxlate_export.pictures import draw_positions
from onnxlate_training.checkpoint import LoadedModel

from .models import random_run

V1 = Path(__file__).parents[1] / "bundles" / "v1"
PNG = b"\x89PNG\r\n\x1a\n"


def test_the_tables_name_every_tensor_with_its_axes() -> None:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    bundle = Bundle.open(V1)
    console.print(tables(bundle))
    console.file.close()
    text = console.export_text()

    for graph in (bundle.manifest.encoder, bundle.manifest.decoder):
        for each in (*graph.inputs, *graph.outputs):
            assert each.name in text
    assert "rows, 2, capacity, 8" in text
    assert bundle.manifest.files["decoder.onnx"].sha256 in text
    assert "64 of 64" in text


def test_json_holds_the_manifest_and_the_operators() -> None:
    result = CliRunner().invoke(app, ["inspect", str(V1), "--json"])

    data = json.loads(result.stdout)
    assert data["manifest"]["name"] == "digits"
    assert data["operators"]["decoder.onnx"]["ScatterND"] == 2


def test_a_run_is_drawn_into_small_png_files(tmp_path: Path) -> None:
    run, folder = random_run(tmp_path), tmp_path / "pictures"

    result = CliRunner().invoke(
        app, ["inspect", str(run), "--pictures", str(folder), "--source", "twelve"]
    )

    assert result.exit_code == 0, result.output
    files = sorted(each.name for each in folder.iterdir())
    assert files == [
        "attention-cross-1.png",
        "attention-cross-2.png",
        "attention-decoder-1.png",
        "attention-decoder-2.png",
        "attention-encoder-1.png",
        "attention-encoder-2.png",
        "masks.png",
        "positions.png",
        "step.png",
    ]
    for each in folder.iterdir():
        content = each.read_bytes()
        assert content.startswith(PNG)
        assert len(content) < 150_000


def test_attention_is_a_share_and_never_of_the_future(loaded: LoadedModel) -> None:
    maps = attention_maps(loaded, "twelve", "zwölf")

    assert [(each.kind, each.layer) for each in maps] == [
        (kind, layer) for kind in ("cross", "decoder", "encoder") for layer in (0, 1)
    ]
    for each in maps:
        assert each.weights.shape == (2, len(each.queries), len(each.keys))
        np.testing.assert_allclose(each.weights.sum(axis=2), 1, atol=1e-6)
        if each.kind == "decoder":
            assert each.queries[0] == "<s>"
            assert not np.triu(each.weights, k=1).any()


def test_a_blank_or_endless_sentence_cannot_be_drawn(loaded: LoadedModel) -> None:
    for source, target in ((" ", "zwölf"), ("twelve", " "), ("one " * 999, "zwölf")):
        with pytest.raises(InvalidRequest, match="tokens"):
            attention_maps(loaded, source, target)


def test_a_folder_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="cannot be written"):
        draw_positions(tmp_path / "file" / "positions.png", 4, 4)
