"""Models of many languages are told both: before the source, and by the first token."""

import json
from pathlib import Path

import ctranslate2
import pytest
from sentencepiece import SentencePieceProcessor
from transformers import M2M100Tokenizer

from benchmarks.marian_folder import write_m2m100
from onnxlate import Client
from onnxlate.errors import ExportError
from onnxlate.local_server import LocalServer
from onnxlate_export.elsewhere.ctranslate2_export import export_ctranslate2
from onnxlate_export.export import export_bundle
from onnxlate_export.huggingface.config import read_config
from onnxlate_export.huggingface.generate import Generate
from onnxlate_export.huggingface.importing import Wishes, load_imported
from onnxlate_export.huggingface.languages import Languages
from onnxlate_export.huggingface.m2m100 import m2m100_sides

from .conftest import TEXTS, UNSEEN

LONGEST = 12


@pytest.fixture(scope="module")
def m2m100(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("hub") / "m2m100_small"
    write_m2m100(folder, TEXTS[0] + TEXTS[1], pieces=150)
    return folder


def test_it_is_served_and_says_what_generate_says(
    m2m100: Path, text: Wishes, tmp_path: Path
) -> None:
    imported = load_imported(str(m2m100), tmp_path, Wishes("en", "de", text=text.text))
    original = Generate(imported)
    source, target = imported.loaded.read_tokenizers()
    theirs = M2M100Tokenizer.from_pretrained(m2m100, src_lang="en")
    ids = [source.encode(each) for each in UNSEEN]
    for line, ours in zip(UNSEEN, ids, strict=True):
        assert [imported.source.theirs[each] for each in ours] == theirs(line).input_ids

    made = export_bundle(
        imported.loaded, tmp_path / "bundle", outside=original, max_sentences=12
    )

    gate = made.manifest.gate
    assert (gate.greedy_equal, gate.beam_equal) == (12, 12)
    assert made.manifest.target_prefix == imported.loaded.target_prefix
    with LocalServer(made.path) as server, Client(server.address) as client:
        for beam_size in (1, 4):
            served = client.translate(
                UNSEEN,
                beam_size=beam_size,
                num_hypotheses=beam_size,
                max_target_tokens=LONGEST,
            )
            best = [
                max(each.hypotheses, key=lambda one: one.score or 0) for each in served
            ]
            expected = original.translate(ids, beam_size, LONGEST)
            assert [each.text for each in best] == [
                target.decode(each) for each in expected
            ]
        [begun] = client.translate(
            [UNSEEN[0]], target_prefix="Wir haben", max_target_tokens=LONGEST
        )
        assert begun.text.startswith("Wir haben")
        [looked] = client.translate(
            [UNSEEN[0]],
            beam_size=1,
            max_target_tokens=LONGEST,
            return_tokens=True,
            return_attention=True,
        )
        said = looked.hypotheses[0]
        assert said.tokens[0].piece == "__de__"
        assert looked.text == "".join(
            looked.text[each.target.start : each.target.end] for each in said.tokens
        )
        assert len(said.attention) == 1


def test_ctranslate2_is_told_the_target_language_and_says_the_same(
    m2m100: Path, text: Wishes, tmp_path: Path
) -> None:
    imported = load_imported(str(m2m100), tmp_path, Wishes("en", "de", text=text.text))
    path = tmp_path / "elsewhere"

    found = export_ctranslate2(imported.loaded, path, max_sentences=12)

    assert (found.sentences, found.equal) == (12, 12)
    note = json.loads((path / "onnxlate.json").read_text("utf-8"))
    assert note["before_every_target"] == ["__de__"]
    # As docs/import.md shows it, with nothing of ours, against their own `generate`.
    source, target = (
        SentencePieceProcessor(model_file=str(path / note[name]))
        for name in ("source_tokenizer", "target_tokenizer")
    )
    engine = ctranslate2.Translator(str(path))
    ids, pieces = (
        [imported.loaded.read_tokenizers()[0].encode(each) for each in UNSEEN],
        [source.encode(each, out_type=str) for each in UNSEEN],
    )
    results = engine.translate_batch(
        [
            note["before_every_source"] + each + note["behind_every_source"]
            for each in pieces
        ],
        [note["before_every_target"]] * len(pieces),
        beam_size=1,
        max_decoding_length=LONGEST,
    )
    expected = Generate(imported).translate(ids, 1, LONGEST)
    names = imported.target.names
    assert [each.hypotheses[0] for each in results] == [
        [names[at] for at in each] for each in expected
    ]
    assert not any("__de__" in target.decode(each.hypotheses[0]) for each in results)


def test_nllb_counts_its_pieces_from_one_and_its_languages_from_a_file(
    m2m100: Path, tmp_path: Path
) -> None:
    for name in ("config.json", "sentencepiece.bpe.model"):
        (tmp_path / name).write_bytes((m2m100 / name).read_bytes())
    added = [{"content": "eng_Latn", "id": 200}, {"content": "zho_Hans", "id": 201}]
    added.append({"content": "<mask>", "id": 202})
    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))

    languages = Languages("en", "zh", "eng_Latn", "zho_Hans")
    sides = m2m100_sides(tmp_path, read_config(tmp_path), languages)

    assert [sides.source.theirs[each] for each in sides.source_prefix] == [200]
    assert [sides.target.theirs[each] for each in sides.target_prefix] == [201]
    for damaged in (1, {"id": 1}, {"content": "eng_Latn", "id": None}):
        (tmp_path / "tokenizer.json").write_text(
            json.dumps({"added_tokens": [damaged]})
        )
        with pytest.raises(ExportError, match="added_tokens"):
            m2m100_sides(tmp_path, read_config(tmp_path), languages)
