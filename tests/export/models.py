"""Small models with random weights, and a run on disk that holds one."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from onnxlate_training.checkpoint import LoadedModel, RunFolder, load_model
from onnxlate_training.generated import pairs
from onnxlate_training.model import ModelConfig, Transformer
from onnxlate_training.recipe import Recipe, TokenizerConfig
from onnxlate_training.subwords import train_subwords

VOCABULARY = 200

SMALL = ModelConfig(
    width=16, heads=2, feed_forward=24, encoder_layers=2, decoder_layers=2
)

WIDER: dict[str, object] = {"width": 64, "heads": 2, "feed_forward": 72}
"""Heads of 32, and a feed-forward that is no multiple of 16."""


def random_model(
    config: ModelConfig = SMALL, source: int = VOCABULARY, target: int = VOCABULARY
) -> Transformer:
    """Weights so large that its tokens vary, and biases that are not zero."""
    torch.manual_seed(0)
    model = Transformer(config, source, target).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
        elif "norm" not in name:
            parameter.data.mul_(2)
    return model


def random_run(folder: Path, config: ModelConfig = SMALL) -> Path:
    """A run whose model learnt nothing, and its corpus beside it."""
    stream = pairs(seed=3)
    texts = [next(stream) for _ in range(400)]
    for name, part in (("train", texts[:360]), ("valid", texts[360:])):
        for side, language in enumerate(("en", "de")):
            lines = "".join(f"{each[side]}\n" for each in part)
            (folder / f"{name}.{language}").write_text(lines, encoding="utf-8")
    recipe = Recipe.model_validate(
        {
            "name": "random",
            "data": {
                "source_language": "en",
                "target_language": "de",
                "folder": str(folder),
                "train_source": ["train.en"],
                "train_target": ["train.de"],
                "valid_source": "valid.en",
                "valid_target": "valid.de",
            },
            "tokenizer": {"vocabulary": VOCABULARY, "byte_fallback": False},
            "model": config.model_dump(),
        }
    )
    run = RunFolder(folder / "run")
    run.path.mkdir()
    run.write_recipe(recipe)
    joint, _ = run.tokenizers("joint")
    spelling = TokenizerConfig(vocabulary=VOCABULARY, byte_fallback=False)
    train_subwords((line for pair in texts for line in pair), joint, spelling, seed=1)
    save_file(dict(random_model(config).named_parameters()), run.final_model)
    run.final_note.write_text(json.dumps({"average": "none", "updates": [0]}))
    return run.path


def loaded_random(folder: Path) -> LoadedModel:
    return load_model(random_run(folder))
