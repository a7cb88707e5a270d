"""Marian's own files, in its naming, say what the same weights say elsewhere."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import numpy.typing as npt
import pytest
import yaml
from ctranslate2.converters import MarianConverter
from safetensors.numpy import load_file as numpy_weights
from safetensors.torch import load_file
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from onnxlate.errors import ExportError
from onnxlate_export.export import export_bundle
from onnxlate_export.huggingface.generate import Generate
from onnxlate_export.huggingface.importing import Imported, Wishes, load_imported
from onnxlate_export.huggingface.vocabulary import read_ids

from .conftest import TEXTS, UNSEEN

LONGEST = 12
VOCABULARY = "opus.spm32k-spm32k.vocab.yml"

SETTINGS: dict[str, Any] = {
    "type": "transformer",
    "dim-emb": 32,
    "enc-depth": 2,
    "dec-depth": 2,
    "transformer-heads": 4,
    "transformer-dim-ffn": 48,
    "transformer-ffn-activation": "swish",
    "transformer-preprocess": "",
    "transformer-postprocess": "dan",
    "transformer-postprocess-emb": "d",
    "transformer-postprocess-top": "",
    "transformer-decoder-autoreg": "self-attention",
    "transformer-no-projection": False,
    "transformer-train-position-embeddings": False,
    "transformer-tied-layers": [],
    "transformer-guided-alignment-layer": "last",
    "tied-embeddings-all": True,
}

# As Marian trains SentencePiece: no padding, no beginning.
SPECIAL: dict[str, Any] = {"pad_id": -1, "bos_id": -1, "eos_id": 0, "unk_id": 1}

PARTS = {"self_attn": "self", "encoder_attn": "context"}
LETTERS = {"q_proj": "q", "k_proj": "k", "v_proj": "v", "out_proj": "o"}
KINDS = {"weight": "W", "bias": "b"}


def in_marians_names(
    weights: dict[str, npt.NDArray[np.float32]],
) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """Hugging Face's by the names and in the shapes that Marian's files have."""
    for name, array in weights.items():
        parts = name.split(".")
        if name == "model.shared.weight":
            yield "Wemb", array[:-1]
        elif name == "final_logits_bias":
            yield "decoder_ff_logit_out_b", array[:, :-1]
        elif "layers" in parts:
            _, side, _, at, *place, kind = parts
            scope = f"{side}_l{int(at) + 1}_"
            turned = array.T if array.ndim == 2 else array[None]
            norm = {"weight": "ln_scale", "bias": "ln_bias"}[kind]
            match place:
                case [attention, letter]:
                    letter = LETTERS[letter]
                    yield f"{scope}{PARTS[attention]}_{KINDS[kind]}{letter}", turned
                case ["fc1" | "fc2" as layer]:
                    yield f"{scope}ffn_{KINDS[kind]}{layer[-1]}", turned
                case ["final_layer_norm"]:
                    yield f"{scope}ffn_ffn_{norm}", turned
                case [layer]:
                    part = PARTS[layer.removesuffix("_layer_norm")]
                    yield f"{scope}{part}_Wo_{norm}", turned


@pytest.fixture
def native(marian: Path, tmp_path: Path) -> Path:
    """The weights of `marian` as Marian has them, without its padding."""
    folder = tmp_path / "opus-mt-en-de"
    folder.mkdir()
    weights = numpy_weights(marian / "model.safetensors")
    weights["model.shared.weight"][-1] = 0  # where Marian has no row
    write_npz(folder, dict(in_marians_names(weights)))
    ids = read_ids(marian / "vocab.json")
    del ids["<pad>"]
    lines = yaml.safe_dump(ids, allow_unicode=True, default_style='"', sort_keys=False)
    lines = lines.replace('!!int "', "").replace('"\n', "\n")
    (folder / VOCABULARY).write_text(lines, "utf-8")
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes((marian / name).read_bytes())
    (folder / "decoder.yml").write_text("beam-size: 4\nnormalize: 0.6\n")
    return folder


def write_npz(folder: Path, arrays: dict[str, Any], **settings: object) -> None:
    text = yaml.safe_dump(SETTINGS | settings).encode() + b"\0"
    special = {"special:model.yml": np.frombuffer(text, np.int8)}
    np.savez(folder / "model.npz", **(arrays | special))


def npy() -> bytes:
    """One array, and not a file of several."""
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def arrays_of(folder: Path) -> dict[str, Any]:
    with np.load(folder / "model.npz") as file:
        return {name: file[name] for name in file if not name.startswith("special")}


def loaded(folder: Path, work: Path, wishes: Wishes | None = None) -> Imported:
    work.mkdir()
    return load_imported(str(folder), work, wishes or Wishes())


def test_it_says_what_the_same_weights_say_by_way_of_hugging_face(
    native: Path, marian: Path, imported: Imported, text: Wishes, tmp_path: Path
) -> None:
    found = loaded(native, tmp_path / "work", text)

    assert (found.source, found.target) == (imported.source, imported.target)
    defaults = found.loaded.defaults
    assert (defaults.beam_size, defaults.length_penalty) == (4, 0.6)
    made = export_bundle(
        found.loaded, tmp_path / "bundle", outside=Generate(found), max_sentences=12
    )
    gate = made.manifest.gate
    assert (gate.greedy_equal, gate.beam_equal) == (12, 12)
    # The padding apart, every weight is the original's.
    expected = load_file(marian / "model.safetensors")
    converted = load_file(found.folder / "model.safetensors")
    for name, weight in converted.items():
        if name == "model.shared.weight":
            assert weight[:-1].equal(expected[name][:-1])
        elif name == "final_logits_bias":
            assert weight[:, :-1].equal(expected[name][:, :-1])
        else:
            assert weight.equal(expected[name]), name


def test_another_reader_of_marians_files_says_the_same(
    native: Path, tmp_path: Path
) -> None:
    found = loaded(native, tmp_path / "work")
    vocabulary = native / VOCABULARY
    converter = MarianConverter(str(native / "model.npz"), [str(vocabulary)] * 2)
    elsewhere = Path(converter.convert(str(tmp_path / "elsewhere")))

    source, _ = found.loaded.read_tokenizers()
    ids = [source.encode(each) for each in UNSEEN]
    names = found.source.names
    results = ctranslate2.Translator(str(elsewhere)).translate_batch(
        [[names[at] for at in each[:-1]] for each in ids],  # it adds the end itself
        beam_size=1,
        max_decoding_length=LONGEST,
    )

    ours = Generate(found).translate(ids, 1, LONGEST)
    assert [each.hypotheses[0] for each in results] == [
        [names[at] for at in each] for each in ours
    ]


def test_one_sentencepiece_model_may_be_the_vocabulary(
    native: Path, text: Wishes, tmp_path: Path
) -> None:
    (native / VOCABULARY).unlink()
    spm = native / "vocab.spm"
    with spm.open("wb") as file:
        SentencePieceTrainer.train(
            sentence_iterator=iter(TEXTS[0] + TEXTS[1]),
            model_writer=file,
            vocab_size=150,
            **SPECIAL,
        )
    with pytest.raises(ExportError, match="embeddings, and the vocabulary beside it"):
        loaded(native, tmp_path / "refused")
    arrays = arrays_of(native)
    for name, axis in (("Wemb", 0), ("decoder_ff_logit_out_b", 1)):
        arrays[name] = np.take(arrays[name], range(150), axis)
    write_npz(native, arrays)

    found = loaded(native, tmp_path / "work", text)

    theirs = SentencePieceProcessor(model_file=str(spm))
    ours, _ = found.loaded.read_tokenizers()
    for line in UNSEEN:
        ids = [found.source.theirs[each] for each in ours.encode(line)]
        assert ids == [*theirs.encode(line), theirs.eos_id()]
    made = export_bundle(
        found.loaded, tmp_path / "bundle", outside=Generate(found), max_sentences=8
    )
    gate = made.manifest.gate
    assert (gate.greedy_equal, gate.beam_equal) == (8, 8)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"type": "s2s"}, "type is 's2s'; supported: 'transformer'"),
        ({"transformer-preprocess": "n"}, "transformer-preprocess is 'n'"),
        ({"transformer-tied-layers": [1, 1]}, "transformer-tied-layers is"),
        ({"enc-depth": "six"}, "enc-depth is 'six' and must be a number"),
        ({"dec-depth": 3}, "has no weights named decoder_l3_self_Wq"),
        ({"dec-depth": 1}, "has weights that are not read, as decoder_l2_context"),
    ],
)
def test_what_is_not_read_is_told(
    settings: dict[str, object], told: str, native: Path, tmp_path: Path
) -> None:
    write_npz(native, arrays_of(native), **settings)

    with pytest.raises(ExportError, match=told):
        loaded(native, tmp_path / "work")


def test_damaged_files_are_told(native: Path, tmp_path: Path) -> None:
    whole = (native / "model.npz").read_bytes()
    for name, told in (
        ("decoder.yml", "is no YAML"),
        (VOCABULARY, "is no YAML"),
        ("model.npz", "is no model of Marian's"),
    ):
        (native / name).write_bytes(b"a\n- b: [")
        with pytest.raises(ExportError, match=told):
            loaded(native, tmp_path / name)
    for number, damaged in enumerate((b"", b"PK\3\4", whole[:-9], npy())):
        (native / "model.npz").write_bytes(damaged)
        with pytest.raises(ExportError, match="is no model of Marian's"):
            loaded(native, tmp_path / f"damaged {number}")
    (native / "second.npz").write_bytes(b"")
    with pytest.raises(ExportError, match=r"must have one \*\.npz; it has model"):
        loaded(native, tmp_path / "work")
