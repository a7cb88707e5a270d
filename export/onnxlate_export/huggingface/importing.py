"""A folder of Hugging Face's as a model that can be exported like one of our own."""

import random
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from onnxlate.parallel_text import read_parallel, read_text
from onnxlate.text import EOS_ID, Tokenizer
from onnxlate_training.checkpoint import LoadedModel
from onnxlate_training.recipe import decode_defaults

from .config import MARIAN, read_config, read_generation
from .files import SAFETENSORS, find, read_json, read_weights
from .languages import languages_of
from .m2m100 import m2m100_sides
from .marian import marian_sides
from .marian_native import convert_marian, is_marian
from .vocabulary import Sides, Vocabulary, write_tokenizer
from .weights import Weights, transformer

TOKENIZER_CONFIG = "tokenizer_config.json"

CONVERTED = "converted"
"""Where Marian's own files are written as Hugging Face has them."""

MADE_UP = 128
"""Sentences of the gate where nobody gave a text."""


@dataclass(frozen=True)
class Wishes:
    """What the files do not say, or what is to be otherwise."""

    source_language: str | None = None
    target_language: str | None = None
    source_token: str | None = None
    target_token: str | None = None
    """What the model calls the languages, where that is another name."""
    name: str | None = None
    text: Path | None = None
    """Sentences of the source language, for the gate."""
    references: Path | None = None
    """Their translations."""

    def languages(self) -> dict[str, str]:
        """What was said of them, by the fields of Languages."""
        said = {
            "source": self.source_language,
            "target": self.target_language,
            "source_token": self.source_token,
            "target_token": self.target_token,
        }
        return {name: each for name, each in said.items() if each}


@dataclass(frozen=True)
class Imported:
    loaded: LoadedModel
    folder: Path
    """Of the original, as Hugging Face has it."""
    source: Vocabulary
    target: Vocabulary


def load_imported(path_or_id: str, work: Path, wishes: Wishes) -> Imported:
    """Reads a model and writes its tokenizers into the folder `work`.

    Raises ExportError for what is damaged or not supported, ConfigError for what is
    not said, CorpusError for texts.
    """
    folder = find(path_or_id)
    name = wishes.name or _name(path_or_id)
    if is_marian(folder):
        convert_marian(folder, work / CONVERTED)
        folder = work / CONVERTED
    config, generation = read_config(folder), read_generation(folder)
    path = folder / TOKENIZER_CONFIG
    said = read_json(path) if path.is_file() else {}
    languages = languages_of(name, said, wishes.languages())
    read_sides = marian_sides if config.model_type == MARIAN else m2m100_sides
    sides = read_sides(folder, config, languages)
    target_side = sides.target.forbidding(generation.bad_words)
    sides = replace(sides, target=target_side)
    weights = Weights(folder / SAFETENSORS, read_weights(folder))
    model = transformer(config, weights, sides.source, sides.target)
    source, target = _write_tokenizers(sides, work)
    texts = _texts(wishes, source)
    loaded = LoadedModel(
        model=model,
        source_tokenizer=source,
        target_tokenizer=target,
        name=name,
        source_language=languages.source,
        target_language=languages.target,
        max_source_tokens=config.max_position_embeddings,
        max_target_tokens=config.max_position_embeddings,
        defaults=decode_defaults(generation.num_beams, generation.length_penalty),
        provenance=_provenance(name, config.model_type, sides),
        validation_source=texts[0],
        validation_reference=texts[1],
        validation_name=wishes.text.name if wishes.text else "made-up text",
        source_prefix=sides.source_prefix,
        target_prefix=sides.target_prefix,
    )
    return Imported(loaded, folder, sides.source, sides.target)


def _name(path_or_id: str) -> str:
    """Of the folder, also if it is given as a dot; or of the model on the hub."""
    path = Path(path_or_id)
    return path.resolve().name if path.is_dir() else path.name


def _provenance(
    name: str, model_type: str, sides: Sides
) -> dict[str, str | int | float]:
    found: dict[str, str | int | float] = {
        "imported_from": name,
        "model_type": model_type,
        "torch": torch.__version__,
    }
    for key, side, prefix in (
        ("source_token", sides.source, sides.source_prefix),
        ("target_token", sides.target, sides.target_prefix),
    ):
        if prefix:
            found[key] = " ".join(side.names[each] for each in prefix)
    return found


def _write_tokenizers(sides: Sides, work: Path) -> tuple[Path, Path]:
    source, target = work / "source.spm", work / "target.spm"
    write_tokenizer(sides.source_spm, sides.source, source)
    write_tokenizer(sides.target_spm, sides.target, target)
    return source, target


def _texts(wishes: Wishes, source: Path) -> tuple[list[str], list[str]]:
    if wishes.text and wishes.references:
        return read_parallel(wishes.text, wishes.references)
    if wishes.text:
        return [each for each in read_text(wishes.text) if each.strip()], []
    return made_up(Tokenizer(source), MADE_UP), []


def made_up(tokenizer: Tokenizer, count: int) -> list[str]:
    """Words in no order, from the vocabulary itself: what the gate reads if there is
    nothing better. The same ones every time."""
    draw = random.Random(1)
    ids = [
        each for each in range(EOS_ID + 1, len(tokenizer)) if tokenizer.spelling(each)
    ]
    return [
        tokenizer.decode(draw.choices(ids, k=draw.randrange(3, 20)))
        for _ in range(count)
    ]
