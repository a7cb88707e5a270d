"""All pictures of one model: `onnxlate inspect RUN --pictures FOLDER`."""

from pathlib import Path

from onnxlate.text import Tokenizer
from onnxlate_training.checkpoint import LoadedModel, load_model
from onnxlate_training.recipe import DecodeConfig
from onnxlate_training.validation import translate

from .attention import attention_maps
from .pictures import draw_attention, draw_masks, draw_positions, draw_step

LENGTHS = (7, 4, 6, 2)
AGES = (5, 1, 8, 0, 3)
CAPACITY = 10
MAX_POSITIONS = 100


def draw_all(run: Path, folder: Path, source: str, target: str | None) -> list[Path]:
    """The files drawn. Raises ConfigError if `run` is no training run."""
    loaded = load_model(run)
    config = loaded.model.config
    positions = min(config.max_positions, MAX_POSITIONS)
    drawn = [
        draw_positions(folder / "positions.png", positions, config.width),
        draw_masks(folder / "masks.png", LENGTHS),
        draw_step(folder / "step.png", AGES, CAPACITY),
    ]
    words = target if target is not None else _translated(loaded, source)
    for layer in attention_maps(loaded, source, words):
        name = f"attention-{layer.kind}-{layer.layer + 1}.png"
        drawn.append(draw_attention(folder / name, layer))
    return drawn


def _translated(loaded: LoadedModel, source: str) -> str:
    [text] = translate(
        loaded.model,
        [source],
        Tokenizer(loaded.source_tokenizer),
        Tokenizer(loaded.target_tokenizer),
        DecodeConfig(length_penalty=loaded.length_penalty),
        loaded.beam_size,
    )
    return text
