"""Makes what is learnt: pairs as token ids, in a file that every trainer reads."""

import hashlib
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from onnxlate.errors import ConfigError
from onnxlate.text import Tokenizer
from onnxlate_training.corpus import Pair, clean, read_pairs, tokenize
from onnxlate_training.generated import pairs as generated_pairs
from onnxlate_training.model import SIZES, ModelConfig
from onnxlate_training.recipe import FilterConfig, Recipe, parse_recipe
from onnxlate_training.storage import write_atomically

from .building import MINIMAL
from .padded_subwords import train_padded_subwords
from .timing_models import RandomModel
from .trainer_settings import Task
from .training_batches import FOR_EVER

MODELS = {
    "minimal": RandomModel("minimal", 400),  # to try the benchmark itself
    "tiny": RandomModel("tiny", 10_000),
    "tiny-5k": RandomModel("tiny", 5_000),
    "small": RandomModel("small", 10_000),
}

NUM_GENERATED = 20_000


def pairs_of(source: Path | None, target: Path | None) -> list[Pair]:
    """Of the two files, or number words where there are none.

    Raises ConfigError if there is one only.
    """
    if source and target:
        return read_pairs(source, target)
    if source or target:
        raise ConfigError("--text and --reference go together: a line for each line")
    return list(islice(generated_pairs(seed=1), NUM_GENERATED))


def make_task(
    model: str, pairs: Sequence[Pair], dropout: float, max_tokens: int, cache: Path
) -> Task:
    """Tokenizer and examples are made once, and kept.

    Raises ConfigError if no pair can be learnt from.
    """
    kind = MODELS[model]
    folder = cache / f"training-{model}-{_digest(repr(kind), repr(pairs))}"
    tokenizer, examples = folder / "joint.spm", folder / "examples.json"
    recipe = _recipe(kind, dropout, max_tokens)
    if not examples.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write(pairs, recipe, tokenizer, examples)
    return Task(
        recipe=recipe.model_dump(mode="json"), tokenizer=tokenizer, examples=examples
    )


def _recipe(kind: RandomModel, dropout: float, max_tokens: int) -> Recipe:
    shape = MINIMAL if kind.size == "minimal" else SIZES[kind.size]
    config: ModelConfig = shape.model_copy(update={"norm": "pre", "dropout": dropout})
    nowhere = ["-"]
    return parse_recipe(
        {
            "name": "benchmark",
            "data": {
                **{"source_language": "en", "target_language": "de"},
                **{"train_source": nowhere, "train_target": nowhere},
                **{"valid_source": "-", "valid_target": "-"},
            },
            "tokenizer": {"vocabulary": kind.vocabulary},
            "model": config.model_dump(),
            "batch": {"max_tokens": max_tokens},
            "schedule": {"peak": 0.002, "warmup_updates": 200},
            # No validations and no checkpoints: updates are timed, and nothing else.
            "train": {
                **{"max_updates": FOR_EVER, "validate_every": FOR_EVER},
                **{"save_every": FOR_EVER, "log_every": 1, "device": "cpu"},
            },
        },
        "the benchmark",
    )


def _write(
    pairs: Sequence[Pair], recipe: Recipe, tokenizer_path: Path, path: Path
) -> None:
    kept, _ = clean(pairs, FilterConfig())
    if not kept:
        raise ConfigError("no pair has text on both sides")
    both = [text for pair in kept for text in pair]
    train_padded_subwords(both, tokenizer_path, recipe.tokenizer.vocabulary)
    tokenizer = Tokenizer(tokenizer_path)
    examples, _ = tokenize(kept, tokenizer, tokenizer, recipe.filter)
    ids = [[each.source.tolist(), each.target.tolist()] for each in examples]
    write_atomically(path, json.dumps(ids).encode())


def _digest(*parts: str) -> str:
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:12]
