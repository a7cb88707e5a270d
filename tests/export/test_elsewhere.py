"""A model of ours goes to other people's engines, and says the same there."""

import json
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import onnx
import pytest
import sentencepiece
from onnx.reference import ReferenceEvaluator
from typer.testing import CliRunner

from onnxlate.bundle import Bundle
from onnxlate.cli import app
from onnxlate.errors import ConfigError, ExportError
from onnxlate.search import SearchOptions
from onnxlate.text import BOS_ID
from onnxlate_export.export import export_bundle
from onnxlate_training.checkpoint import LoadedModel
from onnxlate_training.decode import TorchStepper, decode

from .models import random_run

LONGEST = 8


def in_pytorch(loaded: LoadedModel, source: list[int]) -> list[int]:
    options = [SearchOptions(max_target_tokens=LONGEST)]
    [[best]] = decode(TorchStepper(loaded.model), [source], options)
    return list(best.tokens)


def test_ctranslate2_loads_the_directory_and_says_the_same(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    path = tmp_path / "model"
    run = str(loaded.source_tokenizer.parent)

    result = CliRunner().invoke(
        app, ["export", run, "--to", "ctranslate2", "-o", str(path), "--json"]
    )

    assert result.exception is None, result.output
    told = json.loads(result.stdout)
    assert told["directory"] == str(path)
    assert told["equal"] == told["sentences"] > 0
    note = json.loads((path / "onnxlate.json").read_text("utf-8"))
    assert note["greedy_equal"] == note["sentences"] > 0
    # As docs/import.md shows it, with nothing of ours.
    source, target = (
        sentencepiece.SentencePieceProcessor(model_file=str(path / note[name]))
        for name in ("source_tokenizer", "target_tokenizer")
    )
    engine = ctranslate2.Translator(str(path))
    ours = loaded.read_tokenizers()
    for text in loaded.validation_source[:5]:
        pieces = source.encode(text, out_type=str)
        pieces = note["before_every_source"] + pieces + note["behind_every_source"]
        [found] = engine.translate_batch(
            [pieces], beam_size=1, max_decoding_length=LONGEST
        )
        expected = ours[1].decode(in_pytorch(loaded, ours[0].encode(text)))
        assert target.decode(found.hypotheses[0]) == expected


@pytest.fixture(scope="module")
def standard(loaded: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = tmp_path_factory.mktemp("standard") / "bundle"
    return export_bundle(loaded, path, max_sentences=8, standard=True)


def test_a_standard_pair_has_no_operators_of_anybodys_own(standard: Bundle) -> None:
    assert standard.manifest.operators == "standard"
    gate = standard.manifest.gate
    assert gate.greedy_equal == gate.beam_equal == gate.sentences == 8
    for path in (standard.encoder, standard.decoder):
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        assert {each.domain for each in model.graph.node} == {""}
        assert {each.domain for each in model.opset_import} == {""}


def test_another_runtime_decodes_the_standard_pair_alike(
    standard: Bundle, loaded: LoadedModel
) -> None:
    """The specification's own interpreter, step by step."""
    encoder, decoder = (
        ReferenceEvaluator(str(each)) for each in (standard.encoder, standard.decoder)
    )
    source, _ = loaded.read_tokenizers()
    for text in loaded.validation_source[:2]:
        ids = source.encode(text)

        assert greedily(encoder, decoder, ids) == in_pytorch(loaded, ids)


def greedily(
    encoder: ReferenceEvaluator, decoder: ReferenceEvaluator, ids: list[int]
) -> list[int]:
    seen = np.ones((1, len(ids)), np.bool_)
    fed: dict[str, Any] = {"source_ids": np.array([ids]), "source_visible": seen}
    cross: list[Any] = list(encoder.run(None, fed))
    fed = dict(zip(encoder.output_names, cross, strict=True)) | {"source_visible": seen}
    _, heads, _, width = cross[0].shape
    past = {
        name.replace("cross", "past"): np.zeros((1, heads, LONGEST, width), np.float32)
        for name in encoder.output_names
    }
    said = [BOS_ID]
    for step in range(LONGEST):
        fed |= past
        fed["target_ids"] = np.array([said[-1]])
        fed["target_visible"] = np.arange(LONGEST)[None] <= step
        results: list[Any] = list(decoder.run(None, fed))
        logits, *present = results
        past = dict(zip(past, present, strict=True))
        said.append(int(logits[0].argmax()))
        if said[-1] == 3:
            return said[1:-1]
    return said[1:]


def test_what_is_not_written_elsewhere_is_said(tmp_path: Path) -> None:
    run, taken = random_run(tmp_path), tmp_path / "taken"
    taken.mkdir()
    (taken / "mine").write_text("mine")

    for arguments, kind, told in (
        (["--to", "onnx", "--precision", "int8"], ConfigError, "not int8"),
        (["--to", "ctranslate2", "--precision", "int8"], ConfigError, "fp32, not int8"),
        (["--to", "ctranslate2", "--card", "x"], ConfigError, "are of a bundle"),
        (["--to", "ctranslate2", "--version", "2"], ConfigError, "are of a bundle"),
        (["--to", "ctranslate2"], ExportError, "is not empty"),
    ):
        where = tmp_path / "new" if kind is ConfigError else taken
        command = ["export", str(run), "-o", str(where), *arguments]
        result = CliRunner().invoke(app, command)
        assert isinstance(result.exception, kind), result.output
        assert told in str(result.exception)
    assert [each.name for each in taken.iterdir()] == ["mine"]
    assert not (tmp_path / "new").exists()
