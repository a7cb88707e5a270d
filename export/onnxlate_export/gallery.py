"""All pictures of one model: `onnxlate inspect RUN --pictures FOLDER`."""

from pathlib import Path

from onnxlate.errors import ExportError
from onnxlate.text import Tokenizer
from onnxlate_training.checkpoint import LoadedModel, load_model
from onnxlate_training.validation import translate

from .attention import attention_maps
from .pictures import draw_attention, draw_masks, draw_positions, draw_step

LENGTHS = (7, 4, 6, 2)
AGES = (5, 1, 8, 0, 3)
CAPACITY = 10
MAX_POSITIONS = 100


def draw_all(run: Path, folder: Path, source: str, target: str | None) -> list[Path]:
    """The files drawn.

    Raises ConfigError if `run` is no training run; ExportError if its model says
    nothing.
    """
    loaded = load_model(run)
    config = loaded.model.config
    positions = min(config.max_positions, MAX_POSITIONS)
    words = target if target is not None else _translated(loaded, source)
    drawn = [
        draw_positions(folder / "positions.png", positions, config.width),
        draw_masks(folder / "masks.png", LENGTHS),
        draw_step(folder / "step.png", AGES, CAPACITY),
    ]
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
        loaded.defaults,
        loaded.defaults.beam_size,
    )
    if not text.strip():
        raise ExportError(
            f"the model translates {source!r} to nothing; give its translation with "
            "--target, or another sentence with --source"
        )
    return text
