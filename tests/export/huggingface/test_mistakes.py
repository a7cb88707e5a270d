"""What cannot be imported is told in a line, with the field and what was given."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from onnxlate.cli import app
from onnxlate.errors import ConfigError, OnnxlateError
from onnxlate_export.huggingface.importing import Wishes, load_imported

WEIGHTS = "model.safetensors"


def mistake(*arguments: str | Path) -> str:
    """What the command line prints, before it leaves with 2."""
    result = CliRunner().invoke(app, ["export", *map(str, arguments)])
    assert isinstance(result.exception, OnnxlateError), result.output
    return str(result.exception)


@pytest.fixture
def copied(marian: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "opus-mt-en-de"
    folder.mkdir()
    for each in marian.iterdir():
        (folder / each.name).write_bytes(each.read_bytes())
    return folder


def change(path: Path, **fields: Any) -> None:
    data = json.loads(path.read_text("utf-8")) | fields
    path.write_text(json.dumps(data), "utf-8")


@pytest.mark.parametrize(
    ("field", "given", "told"),
    [
        ("model_type", "bart", "model_type is 'bart'"),
        ("activation_function", "tanh", "supported: relu, gelu, swish"),
        ("decoder_attention_heads", 2, "as many as encoder_attention_heads, 4"),
        ("decoder_ffn_dim", 7, "as many as encoder_ffn_dim, 48"),
        ("normalize_before", True, "normalize_before is True"),
        ("d_model", None, "d_model"),
        ("d_model", 34, "even multiples of 4 heads"),
        ("d_model", 64, "weights and config.json disagree"),
        ("dropout", "much", "transformers cannot read"),
        ("vocab_size", 3, "the embedding has 3 rows"),
        ("pad_token_id", 9999, "special ones included"),
        ("eos_token_id", -1, "special ones included"),
    ],
)
def test_what_the_config_asks_for_and_there_is_not(
    field: str, given: object, told: str, copied: Path, tmp_path: Path
) -> None:
    change(copied / "config.json", **{field: given})

    found = mistake("--from-hf", copied, "-o", tmp_path / "bundle")

    assert told in found
    assert str(given)[:4] in found
    assert not (tmp_path / "bundle").exists()


def test_words_of_several_ids_cannot_be_forbidden(copied: Path, tmp_path: Path) -> None:
    change(copied / "generation_config.json", bad_words_ids=[[5, 6]])

    assert "bad_words_ids is [5, 6]" in mistake(
        "--from-hf", copied, "-o", tmp_path / "bundle"
    )


def test_a_missing_weight_is_named(copied: Path, tmp_path: Path) -> None:
    weights = load_file(copied / WEIGHTS)
    del weights["model.encoder.layers.1.fc1.weight"]
    save_file(weights, copied / WEIGHTS)

    assert "no weights named model.encoder.layers.1.fc1.weight" in mistake(
        "--from-hf", copied, "-o", tmp_path / "bundle"
    )


@pytest.mark.parametrize("name", ["final_logits_bias", "model.shared.weight"])
def test_weights_of_another_vocabulary_are_refused(
    name: str, copied: Path, tmp_path: Path
) -> None:
    weights = load_file(copied / WEIGHTS)
    weights[name] = torch.zeros(3, 32) if "shared" in name else torch.zeros(1, 3)
    save_file(weights, copied / WEIGHTS)

    found = mistake("--from-hf", copied, "-o", tmp_path / "bundle")

    assert "there are 3 rows for a vocabulary of" in found


@pytest.mark.parametrize("content", [{"model": {"a": torch.ones(1)}}, [1], None])
def test_a_pickle_that_is_no_table_of_weights_is_named(
    content: object, copied: Path, tmp_path: Path
) -> None:
    (copied / WEIGHTS).unlink()
    if content is None:
        (copied / "pytorch_model.bin").touch()
    else:
        torch.save(content, copied / "pytorch_model.bin")

    found = mistake("--from-hf", copied, "-o", tmp_path / "bundle")

    assert "pytorch_model.bin" in found


@pytest.mark.parametrize("parts", [[], {}, {"a": "model-1.safetensors"}])
def test_an_index_of_weights_must_name_files(
    parts: object, copied: Path, tmp_path: Path
) -> None:
    index = copied / f"{WEIGHTS}.index.json"
    index.write_text(json.dumps({"weight_map": parts}))

    found = mistake("--from-hf", copied, "-o", tmp_path / "bundle")

    assert "model-1.safetensors" in found or index.name in found


def test_references_want_a_text(copied: Path, tmp_path: Path) -> None:
    found = mistake("--from-hf", copied, "--references", "x", "-o", tmp_path / "bundle")

    assert "translations of --text" in found


def test_learnt_positions_are_not_taken_for_sinusoids(
    copied: Path, tmp_path: Path
) -> None:
    weights = load_file(copied / WEIGHTS)
    weights["model.encoder.embed_positions.weight"] = torch.ones(128, 32)
    save_file(weights, copied / WEIGHTS)

    assert "learnt positions" in mistake("--from-hf", copied, "-o", tmp_path / "bundle")


@pytest.mark.parametrize(
    "name", ["config.json", "vocab.json", "source.spm", "target.spm", WEIGHTS]
)
def test_a_damaged_file_is_named(name: str, copied: Path, tmp_path: Path) -> None:
    (copied / name).write_bytes(b"\xff not this")

    assert name in mistake("--from-hf", copied, "-o", tmp_path / "bundle")


def test_languages_that_nobody_tells_are_asked_for(
    copied: Path, tmp_path: Path
) -> None:
    copied.rename(tmp_path / "mine")

    found = mistake("--from-hf", tmp_path / "mine", "-o", tmp_path / "bundle")

    assert "--source-language" in found


def test_a_language_token_must_be_one_of_the_models(
    copied: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"

    found = mistake("--from-hf", copied, "-o", bundle, "--target-token", "zho")

    assert "no language token for 'zho'" in found


def test_int8_without_references_says_what_is_missing(
    copied: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"

    assert "--references" in mistake(
        "--from-hf", copied, "-o", bundle, "--precision", "int8"
    )


def test_either_a_run_or_an_import(copied: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"

    assert "either" in mistake(copied, "--from-hf", copied, "-o", bundle)
    assert "either" in mistake("-o", bundle)
    assert "--text" in mistake(copied, "--text", "x", "-o", bundle)
    assert "--data" in mistake("--from-hf", copied, "--data", "x", "-o", bundle)


def test_a_name_that_is_no_folder_and_no_model(tmp_path: Path) -> None:
    found = mistake("--from-hf", tmp_path / "nowhere", "-o", tmp_path / "bundle")

    assert "is not a directory with a config.json" in found
    # Not asked of anybody: no model can have such a name.
    found = mistake("--from-hf", "no such/name", "-o", tmp_path / "bundle")
    assert "is no directory here" in found


def test_a_folder_given_as_a_dot_has_its_name(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copied)

    assert load_imported(".", tmp_path, Wishes()).loaded.name == "opus-mt-en-de"


def test_transformers_is_asked_for_where_it_is_missing(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)

    result = CliRunner().invoke(
        app, ["export", "--from-hf", str(copied), "-o", str(tmp_path / "bundle")]
    )

    assert isinstance(result.exception, ConfigError)
    assert "pip install 'onnxlate[hf]'" in str(result.exception)
