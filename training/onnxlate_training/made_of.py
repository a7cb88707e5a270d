"""What RUN/corpus was made of, and whether it would still come to the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from onnxlate.errors import CorpusError

from .checkpoint import RunFolder
from .recipe import DataConfig, Recipe


class MadeOf(BaseModel):
    """All that decides what RUN/corpus and the tokenizers come to."""

    sizes: dict[str, int]
    """Of the text's files, in bytes; one that is not there is left out."""
    times: dict[str, int]
    """When each last changed, in nanoseconds."""
    rules: dict[str, Any]


def made_of(recipe: Recipe) -> MadeOf:
    data = recipe.data
    rules = recipe.model_dump(mode="json", include={"filter", "augment", "tokenizer"})
    # Lengths of the validation text decide which pairs come again.
    more = (
        [data.valid_source, data.valid_target] if recipe.augment.like_validation else []
    )
    found = {str(name): path.stat() for name, path in _files(data) if path.is_file()}
    return MadeOf(
        sizes={name: each.st_size for name, each in found.items()},
        times={name: each.st_mtime_ns for name, each in found.items()},
        rules={
            **rules,
            "seed": recipe.seed,
            "languages": [data.source_language, data.target_language],
            "files": [str(name) for name, _ in _files(data)],
            "validation": [(data.folder / each).stat().st_size for each in more],
        },
    )


def is_made(recipe: Recipe, run: RunFolder) -> bool:
    """Whether it is there, of this very text; a run that has begun must not change.

    Text that has gone, since it was needed no more, is text that has not changed.
    Raises CorpusError for other text than a run was begun with.
    """
    try:
        before = MadeOf.model_validate_json(run.made_of.read_bytes())
    except (OSError, ValueError):
        return False
    if not run.corpus_report.is_file():
        return False
    now = made_of(recipe)
    if not run.checkpoints():
        return (
            before.rules == now.rules
            and now.sizes.items() <= before.sizes.items()
            and now.times.items() <= before.times.items()
            and _has_tokenizers(recipe, run)
        )
    # By their sizes alone: a copy of the text is as good.
    for name, size in now.sizes.items():
        if size != (then := before.sizes.get(name, 0)):
            raise CorpusError(
                f"{name} has {size:,} bytes, and had {then:,} when {run.path} was "
                "begun; a run goes on only as it began"
            )
    return True


def _files(data: DataConfig) -> Iterator[tuple[Path, Path]]:
    """As the recipe names them, and where they are."""
    for pair in zip(data.train_source, data.train_target, strict=True):
        for name in pair:
            yield name, data.folder / name


def _has_tokenizers(recipe: Recipe, run: RunFolder) -> bool:
    """Whether they are there, and those of the run that it starts from, if any."""
    ours = run.tokenizers(recipe.tokenizer.kind)
    if not all(path.is_file() for path in ours):
        return False
    if recipe.train.start_from is None:
        return True
    theirs = RunFolder(recipe.train.start_from).tokenizers(recipe.tokenizer.kind)
    pairs = zip(ours, theirs, strict=True)
    return all(one.read_bytes() == other.read_bytes() for one, other in pairs)
