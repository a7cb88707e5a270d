"""Makes bundles and CTranslate2 directories; the only place that needs torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save_file

from onnxlate.text import EOS_ID, Tokenizer
from onnxlate_export.elsewhere.ctranslate2_export import spellings
from onnxlate_export.elsewhere.ctranslate2_model import write_model
from onnxlate_export.export import export_bundle
from onnxlate_training.checkpoint import LoadedModel
from onnxlate_training.model import SIZES, ModelConfig, Transformer
from onnxlate_training.recipe import decode_defaults

from .padded_subwords import train_padded_subwords
from .timing_models import MAX_TOKENS, Notice, Precision, TimingModel

CONFIG, WEIGHTS = "config.json", "model.safetensors"

MINIMAL = ModelConfig(
    width=16, heads=2, feed_forward=32, encoder_layers=1, decoder_layers=1
)

MAX_TRAINING_TEXTS = 20_000
"""Enough to learn a few thousand subwords from."""


def build(
    loaded: LoadedModel,
    model: TimingModel,
    precisions: Sequence[Precision],
    num_gate_sentences: int,
    notice: Notice,
) -> None:
    """Writes what `model` says there is."""
    model.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # its threads wait for each other, and we are not alone
    save_file(
        {name: each.clone() for name, each in loaded.model.state_dict().items()},
        model.folder / WEIGHTS,
    )
    (model.folder / CONFIG).write_text(loaded.model.config.model_dump_json())
    source = spellings(Tokenizer(loaded.source_tokenizer))
    target = spellings(Tokenizer(loaded.target_tokenizer))
    for precision in precisions:
        notice(f"exporting {model.name} {precision}")
        export_bundle(
            loaded,
            model.bundle(precision),
            precision,
            max_sentences=num_gate_sentences,
        )
        # Halves it makes itself, when it opens a model.
        kept: Literal["fp32", "int8"] = "int8" if precision == "int8" else "fp32"
        write_model(loaded.model, source, target, model.ctranslate2(precision), kept)


def loaded_random(
    size: str, vocabulary: int, texts: Sequence[str], tokenizer: Path
) -> LoadedModel:
    """As if it came from a run; writes its tokenizer."""
    train_padded_subwords(texts[:MAX_TRAINING_TEXTS], tokenizer, vocabulary)
    config = MINIMAL if size == "minimal" else SIZES[size]
    config = config.model_copy(update={"norm": "pre"})
    shortest = sorted(filter(str.strip, texts), key=len)[:2]
    return LoadedModel(
        model=random_transformer(config, vocabulary),
        source_tokenizer=tokenizer,
        target_tokenizer=tokenizer,
        name=size,
        source_language="en",
        target_language="de",
        max_source_tokens=MAX_TOKENS,
        max_target_tokens=MAX_TOKENS,
        defaults=decode_defaults(beam_size=1, length_penalty=1.0),
        provenance={"weights": "random"},
        validation_source=shortest,
        validation_reference=shortest,
    )


def random_transformer(
    config: ModelConfig, vocabulary: int, seed: int = 1
) -> Transformer:
    """Weights large enough that its tokens vary, and an end that it never chooses."""
    torch.manual_seed(seed)
    model = Transformer(config, vocabulary, vocabulary).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
        elif "norm" not in name:
            parameter.data.mul_(2)
    # A score of zero, where the best of thousands is far above that.
    model.generator.weight.data[EOS_ID] = 0
    return model


def load_weights(folder: Path) -> Transformer:
    """The model that `build` put into a folder, in PyTorch."""
    config = ModelConfig.model_validate_json((folder / CONFIG).read_bytes())
    weights = load_file(folder / WEIGHTS)
    source = len(weights["source_embedding.weight"])
    target = len(weights["generator.weight"])
    model = Transformer(config, source, target).eval()
    model.load_state_dict(weights)
    return model
