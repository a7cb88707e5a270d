"""Weights of every variant compute what they compute in the original."""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import MarianMTModel

from benchmarks.marian_folder import SMALL, write_marian, write_vocabulary
from onnxlate.errors import ExportError
from onnxlate.text import EOS_ID
from onnxlate_export.export import export_bundle
from onnxlate_export.huggingface.generate import Generate
from onnxlate_export.huggingface.importing import Imported, Wishes, load_imported
from onnxlate_training.decode import pad
from onnxlate_training.model import NEVER

from .conftest import TEXTS, UNSEEN

CLOSE = 1e-4

VARIANTS: list[dict[str, Any]] = [
    {"activation_function": "relu", "scale_embedding": False},
    {"activation_function": "gelu", "tie_word_embeddings": False},
    {"encoder_layers": 1, "decoder_layers": 3, "final_bias": False},
]


def assert_equal_logits(folder: Path, work: Path) -> Imported:
    """Those of every token that may be said, for sources and targets at random."""
    imported = load_imported(str(folder), work, Wishes())
    theirs = MarianMTModel.from_pretrained(folder).eval()
    tokenizer, _ = imported.loaded.read_tokenizers()
    ids, visible = map(torch.from_numpy, pad([tokenizer.encode(x) for x in UNSEEN]))
    source, target = (
        torch.tensor(each.theirs) for each in (imported.source, imported.target)
    )
    fed = torch.randint(4, len(target), (len(ids), 6), generator=torch.Generator())
    fed[:, 0] = 2
    said = [i for i in range(len(target)) if i not in imported.target.unsaid]
    with torch.inference_mode():
        model = imported.loaded.model
        ours = model.generator(model(ids, visible, fed))[..., said]
        logits = theirs(
            input_ids=source[ids],
            attention_mask=visible.long(),
            decoder_input_ids=target[fed],
        ).logits
    torch.testing.assert_close(ours, logits[..., target[said]], atol=CLOSE, rtol=CLOSE)
    return imported


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_computes_the_same(
    variant: dict[str, Any], tmp_path: Path
) -> None:
    config = SMALL | variant
    bias = config.pop("final_bias", True)
    folder = tmp_path / "opus-mt-en-de"
    write_marian(folder, TEXTS, 100, **config)
    if not bias:
        forget(folder, "final_logits_bias")

    assert_equal_logits(folder, tmp_path)


def test_bad_words_are_never_said(imported: Imported, tmp_path: Path) -> None:
    folder = tmp_path / "opus-mt-en-de"
    folder.mkdir()
    for each in imported.folder.iterdir():
        (folder / each.name).write_bytes(each.read_bytes())
    source, _ = imported.loaded.read_tokenizers()
    ids = [source.encode(each) for each in UNSEEN]
    said = Generate(imported).translate(ids, 1, 8)
    [(often, _)] = Counter(each for row in said for each in row).most_common(1)
    path = folder / "generation_config.json"
    given = json.loads(path.read_text("utf-8"))
    bad = [imported.target.theirs[often], imported.target.theirs[EOS_ID]]
    given["bad_words_ids"] += [[each] for each in bad]
    path.write_text(json.dumps(given), "utf-8")
    work = tmp_path / "work"
    work.mkdir()

    without = load_imported(str(folder), work, Wishes())

    assert without.target.unsaid - imported.target.unsaid == {often}
    bias = without.loaded.model.generator.bias
    assert bias is not None and bias[often] == NEVER
    original = Generate(without)
    assert not any(often in row for row in original.translate(ids, 1, 8))
    made = export_bundle(
        without.loaded, tmp_path / "bundle", outside=original, max_sentences=8
    )
    assert made.manifest.gate.greedy_equal == made.manifest.gate.beam_equal == 8


def forget(folder: Path, name: str) -> None:
    """Takes one of the weights out."""
    from safetensors.torch import save_file

    path = folder / "model.safetensors"
    weights = load_file(path)
    del weights[name]
    save_file(weights, path, metadata={"format": "pt"})


def test_two_vocabularies_stay_two(tmp_path: Path) -> None:
    """As models have them whose sides share no embedding."""
    folder = tmp_path / "opus-mt-en-de"
    write_marian(
        folder,
        TEXTS,
        100,
        **SMALL,
        share_encoder_decoder_embeddings=False,
        decoder_vocab_size=None,
    )
    ids = json.loads((folder / "vocab.json").read_text("utf-8"))
    names = sorted(ids, key=lambda each: (each == "<pad>", ids[each]))
    write_vocabulary(
        folder / "target_vocab.json", [*names[:2], *names[:1:-1][1:], "<pad>"]
    )

    imported = assert_equal_logits(folder, tmp_path)

    assert imported.source.names != imported.target.names


@pytest.mark.parametrize("parts", [1, 3])
def test_pickled_weights_are_read_as_weights_alone(
    parts: int, marian: Path, imported: Imported, tmp_path: Path
) -> None:
    """In one file, or in several that an index names."""
    for each in marian.iterdir():
        if each.name != "model.safetensors":
            (tmp_path / each.name).write_bytes(each.read_bytes())
    weights = load_file(marian / "model.safetensors")
    if parts == 1:
        torch.save(weights, tmp_path / "pytorch_model.bin")
    else:
        files = [f"pytorch_model-{at}-of-{parts}.bin" for at in range(parts)]
        place = dict(zip(weights, cycle(files), strict=False))
        for file in files:
            mine = {name: weights[name] for name in weights if place[name] == file}
            torch.save(mine, tmp_path / file)
        index = tmp_path / "pytorch_model.bin.index.json"
        index.write_text(json.dumps({"metadata": {}, "weight_map": place}))

    work = tmp_path / "work"
    work.mkdir()
    again = load_imported(str(tmp_path), work, Wishes("en", "de"))

    expected = imported.loaded.model.state_dict()
    for name, found in again.loaded.model.state_dict().items():
        assert torch.equal(found, expected[name])


def test_a_pickle_of_something_else_is_refused(marian: Path, tmp_path: Path) -> None:
    for each in marian.iterdir():
        if each.name != "model.safetensors":
            (tmp_path / each.name).write_bytes(each.read_bytes())
    torch.save({"model": Path("/etc/passwd")}, tmp_path / "pytorch_model.bin")

    with pytest.raises(ExportError, match=r"pytorch_model\.bin is not a readable file"):
        load_imported(str(tmp_path), tmp_path, Wishes("en", "de"))


class Liar:
    """Another program that says something else."""

    name = "a liar"

    def translate(
        self, sources: Sequence[Sequence[int]], beam_size: int, longest: int
    ) -> list[list[int]]:
        return [[4] * min(3, longest) for _ in sources]


def test_the_gate_refuses_what_the_original_says_otherwise(
    imported: Imported, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="other tokens in onnxruntime than in a liar"):
        export_bundle(imported.loaded, tmp_path / "bundle", outside=Liar())

    assert not (tmp_path / "bundle").exists()
