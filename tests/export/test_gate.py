"""No bundle that translates otherwise than PyTorch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from onnxlate.errors import BundleError, ExportError
from onnxlate.text import Tokenizer
from onnxlate_export.gate import draw_sample, pass_gate, score
from onnxlate_export.stepper import OrtStepper
from onnxlate_training.checkpoint import LoadedModel, RunFolder, load_model
from onnxlate_training.recipe import TokenizerConfig
from onnxlate_training.subwords import train_subwords
from onnxlate_training.validation import translate

from .models import random_run
from .tables import Graphs


def silent(what: str, done: int, total: int) -> None: ...


def tampered(graph: onnx.ModelProto, weight: str, factor: float) -> onnx.ModelProto:
    copy = onnx.ModelProto.FromString(graph.SerializeToString())
    (target,) = (each for each in copy.graph.initializer if each.name == weight)
    array = numpy_helper.to_array(target) * np.float32(factor)
    target.CopyFrom(numpy_helper.from_array(array, weight))
    return copy


def test_equal_graphs_pass_with_their_figures(
    loaded: LoadedModel, graphs: Graphs
) -> None:
    seen: list[tuple[str, int, int]] = []

    gate = pass_gate(
        loaded,
        graphs.stepper,
        "fp32",
        draw_sample(loaded, "fp32", 20),
        lambda *one: seen.append(one),
    ).report

    assert (gate.sentences, gate.greedy_equal, gate.beam_equal) == (20, 20, 20)
    assert gate.beam_size >= 4
    assert gate.max_logit_difference < 1e-4
    assert gate.bleu == gate.bleu_pytorch
    assert gate.chrf == gate.chrf_pytorch
    assert len({what for what, _, _ in seen}) == 4


def test_a_tampered_graph_is_refused_with_the_first_sentence(
    loaded: LoadedModel, graphs: Graphs
) -> None:
    weight = "decoder.layers.1.cross_attention.query.weight"
    decoder = tampered(graphs.decoder, weight, -20.0)
    onnx = OrtStepper(
        graphs.encoder.SerializeToString(), decoder.SerializeToString(), 1
    )

    with pytest.raises(ExportError, match=r"of 20 validation .* first is sentence \d"):
        pass_gate(loaded, onnx, "fp32", draw_sample(loaded, "fp32", 20), silent)


def test_a_precision_that_costs_too_much_is_refused(
    loaded: LoadedModel, int8_graphs: Graphs
) -> None:
    decoder = tampered(int8_graphs.decoder, "positions", 30.0)
    onnx = OrtStepper(
        int8_graphs.encoder.SerializeToString(), decoder.SerializeToString(), 1
    )
    # What the model itself says is the reference, so that its own BLEU is 100.
    perfect = replace(
        loaded,
        validation_source=loaded.validation_source[:8],
        validation_reference=own_translations(loaded, 8),
    )

    with pytest.raises(ExportError, match=r"int8 loses .* BLEU"):
        pass_gate(perfect, onnx, "int8", draw_sample(perfect, "int8"), silent)


def own_translations(loaded: LoadedModel, num_sentences: int) -> list[str]:
    return translate(
        loaded.model,
        loaded.validation_source[:num_sentences],
        Tokenizer(loaded.source_tokenizer),
        Tokenizer(loaded.target_tokenizer),
        loaded.defaults,
        beam_size=loaded.defaults.beam_size,
    )


def test_without_sentences_there_is_no_gate_to_pass(loaded: LoadedModel) -> None:
    blank = replace(loaded, validation_source=[" "], validation_reference=[""])

    with pytest.raises(ExportError, match="--data"):
        draw_sample(blank, "fp32")


def test_sentences_that_the_model_cannot_read_are_left_out(loaded: LoadedModel) -> None:
    texts = ["one " * 600, "two", " ", "three"]
    mixed = replace(loaded, validation_source=texts, validation_reference=texts)

    assert draw_sample(mixed, "fp32").references == ["two", "three"]


def test_only_fp32_can_be_judged_without_references(
    loaded: LoadedModel, graphs: Graphs
) -> None:
    unscored = replace(loaded, validation_reference=[])

    with pytest.raises(ExportError, match="int8 is judged by BLEU"):
        draw_sample(unscored, "int8")
    sample = draw_sample(unscored, "fp32", 4)
    gate = pass_gate(unscored, graphs.stepper, "fp32", sample, silent).report
    assert gate.bleu is None


def test_what_is_no_graph_does_not_load() -> None:
    with pytest.raises(BundleError, match="does not load"):
        OrtStepper(b"no graph", b"no graph")


def test_what_a_recipe_has_by_default_a_bundle_has(tmp_path: Path) -> None:
    run = RunFolder(random_run(tmp_path))
    decode = {"default_beam_size": 3, "default_coverage_penalty": 0.2}
    recipe = run.read_recipe()
    changed = recipe.decode.model_copy(update=decode)
    run.write_recipe(recipe.model_copy(update={"decode": changed}))

    found = load_model(run.path).defaults

    assert (found.beam_size, found.coverage_penalty) == (3, 0.2)


def test_chinese_is_judged_by_its_characters(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    spelling = tmp_path / "bytes.spm"
    train_subwords([], spelling, TokenizerConfig(algorithm="bytes"), seed=1)
    chinese = replace(loaded, target_tokenizer=spelling, target_language="zh")
    reference = "我不太相信将来的一天世界上大多数人都会讲世界语。"
    ids = Tokenizer(spelling).encode(f"{reference[:-2]}x{reference[-1]}")

    assert 80 < score(chinese, [ids], [reference])["BLEU"] < 100
