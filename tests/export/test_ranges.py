from dataclasses import replace
from pathlib import Path

from onnxlate.text import EOS_ID, Tokenizer
from onnxlate_export.gate import draw_sample
from onnxlate_export.ranges import calibration
from onnxlate_training.checkpoint import LoadedModel
from onnxlate_training.recipe import TokenizerConfig
from onnxlate_training.subwords import train_subwords

SENTENCES = ["Tom waits for 12 hours.", "we wait.", "Anna and Tom wait."]


def test_symbols_are_measured_on_though_no_text_has_them(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    path = tmp_path / "joint.spm"
    train_subwords(SENTENCES, path, TokenizerConfig(vocabulary=320, placeholders=2), 1)
    with_symbols = replace(
        loaded,
        source_tokenizer=path,
        target_tokenizer=path,
        validation_source=SENTENCES,
        validation_reference=SENTENCES,
    )

    sources, targets = calibration(with_symbols, draw_sample(with_symbols, "int8"))

    tokenizer = Tokenizer(path)
    assert sources[:3] == [tokenizer.encode(text) for text in SENTENCES]
    assert targets == sources
    first, second = EOS_ID + 1, EOS_ID + 2
    assert [{first, second} <= set(ids) for ids in sources[3:]] == [True, True]


def test_a_model_without_symbols_is_measured_on_the_sample(
    loaded: LoadedModel,
) -> None:
    sample = draw_sample(loaded, "int8", 5)

    sources, targets = calibration(loaded, sample)

    assert sources == sample.sources
    assert len(targets) == 5
