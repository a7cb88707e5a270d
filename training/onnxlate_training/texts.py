"""From the recipe's files to examples: read, cleaned, cut into tokens, reported.

One process does it, once for a run: what it makes lies in RUN/corpus, and everyone
looks at it there. Nothing of it has to fit into memory.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from onnxlate.errors import ConfigError, CorpusError
from onnxlate.text import Tokenizer

from .augment import augmented
from .batches import Examples
from .checkpoint import RunFolder
from .corpus import (
    CleaningReport,
    Pair,
    tokenized,
    training_files,
    training_pairs,
    validation_pairs,
)
from .kept import KeptPairs, keep_pairs
from .recipe import Recipe, changed_keys
from .storage import new_folder, write_atomically
from .store import Store, write_examples
from .subwords import train_subwords
from .workers import Worker, together

MADE_OF = "made_of.json"
"""In RUN/corpus: what it was made of, and how."""


@dataclass(frozen=True)
class Texts:
    """A corpus made ready."""

    training: Examples
    validation: Sequence[Pair]
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer


def prepare(
    recipe: Recipe, run: RunFolder, worker: Worker
) -> tuple[Texts, CleaningReport]:
    """The leading process makes the corpus and the tokenizers, unless they are there.

    Raises CorpusError, also if a run goes on with another corpus; ConfigError if the
    tokenizers cannot be as the recipe wants them.
    """
    with together(worker):
        # Whoever leads after a restart will want it.
        validation = validation_pairs(recipe.data)
        if worker.leads and not _is_made(recipe, run):
            _make(recipe, run, validation)
    with together(worker):
        source, target = map(Tokenizer, run.tokenizers(recipe.tokenizer.kind))
        examples = Store(
            run.corpus,
            recipe.data.window,
            recipe.tokenizer.dropout,
            recipe.filter.max_tokens,
            recipe.seed,
        )
        report = CleaningReport(**json.loads(run.corpus_report.read_bytes()))
    return Texts(examples, validation, source, target), report


def _is_made(recipe: Recipe, run: RunFolder) -> bool:
    """Whether it is there, of this very text; a run that has begun must not change.

    Text that has gone, since it was needed no more, is text that has not changed.
    """
    try:
        before = json.loads((run.corpus / MADE_OF).read_bytes())
    except OSError:
        return False
    now = _ingredients(recipe)
    if run.checkpoints():
        for path, size in now["bytes"].items():
            if size not in (None, before["bytes"][path]):
                raise CorpusError(
                    f"{path} has {size:,} bytes, and had {before['bytes'][path]:,} "
                    f"when {run.path} was begun; a run goes on only as it began"
                )
        return True
    return bool(before == now) and recipe.train.start_from is None


def _ingredients(recipe: Recipe) -> dict[str, dict[str, object]]:
    """All that decides what RUN/corpus and the tokenizers come to."""
    data = recipe.data
    names = zip(data.train_source, data.train_target, strict=True)
    paths = training_files(data)
    sizes = {
        str(name): path.stat().st_size if path.is_file() else None
        for pair in zip(names, paths, strict=True)
        for name, path in zip(*pair, strict=True)
    }
    rules = recipe.model_dump(mode="json", include={"filter", "augment", "tokenizer"})
    # Lengths of the validation text decide which pairs come again.
    languages = [data.source_language, data.target_language]
    more = (
        [data.valid_source, data.valid_target] if recipe.augment.like_validation else []
    )
    return {
        "bytes": sizes,
        "rules": {
            **rules,
            "seed": recipe.seed,
            "languages": languages,
            "validation": [(data.folder / each).stat().st_size for each in more],
        },
    }


def _make(recipe: Recipe, run: RunFolder, validation: Sequence[Pair]) -> None:
    """RUN/corpus, the tokenizers and the report on it all."""
    if not run.checkpoints():
        for old in run.path.glob("*.spm"):
            old.unlink()
        # A run that goes on has tokenizers and weights of its own.
        if recipe.train.start_from:
            _require_alike(RunFolder(recipe.train.start_from), recipe)
    with new_folder(run.corpus) as folder:
        text = folder / "text"
        text.mkdir()
        report = _examples(recipe, run, validation, text, folder)
        shutil.rmtree(text)
        if not report.kept:
            raise CorpusError(f"no training pair is left: {report}")
        (folder / MADE_OF).write_text(json.dumps(_ingredients(recipe), indent=2))
        _keep(report, run)


def _examples(
    recipe: Recipe,
    run: RunFolder,
    validation: Sequence[Pair],
    text: Path,
    folder: Path,
) -> CleaningReport:
    """Writes the examples into `folder`, and what they are made of into `text`."""
    read = 0

    def pairs() -> Iterator[Pair]:
        nonlocal read
        read = 0
        for pair in training_pairs(recipe.data):
            read += 1
            yield pair

    dropped = keep_pairs(pairs, recipe.filter, text)
    kept = KeptPairs(text)
    _train_tokenizers(recipe, run, kept)
    added: Counter[str] = Counter()
    source, target = map(Tokenizer, run.tokenizers(recipe.tokenizer.kind))
    counts = write_examples(
        folder,
        tokenized(
            _with_more(recipe, kept, validation, added),
            source,
            target,
            recipe.filter,
            dropped,
        ),
        (source, target),
        recipe.tokenizer.dropout,
        recipe.seed,
    )
    return CleaningReport(
        read=read,
        kept=counts.examples,
        dropped=dict(dropped),
        added=dict(added),
        source_tokens=counts.source_tokens,
        target_tokens=counts.target_tokens,
    )


def _with_more(
    recipe: Recipe,
    kept: Sequence[Pair],
    validation: Sequence[Pair],
    added: Counter[str],
) -> Iterator[Pair]:
    """The pairs, and behind them what is made of them, counted."""
    yield from kept
    data = recipe.data
    for kind, pair in augmented(
        kept,
        recipe.augment,
        recipe.tokenizer.placeholders,
        (data.source_language, data.target_language),
        recipe.seed,
        validation,
    ):
        added[kind] += 1
        yield pair


def _train_tokenizers(recipe: Recipe, run: RunFolder, pairs: Sequence[Pair]) -> None:
    config, seed = recipe.tokenizer, recipe.seed
    source, target = run.tokenizers(config.kind)
    if source.is_file() and target.is_file():
        return  # a resumed run's ids must mean what they meant
    if recipe.train.start_from:
        start = RunFolder(recipe.train.start_from)
        for old, new in zip(
            start.tokenizers(config.kind), (source, target), strict=True
        ):
            write_atomically(new, old.read_bytes())
        return
    if not pairs:
        raise CorpusError("every training pair has an empty side or was seen before")
    if config.kind == "joint":
        both = (text for pair in pairs for text in pair)
        train_subwords(both, source, config, seed)
        return
    train_subwords((one for one, _ in pairs), source, config, seed)
    train_subwords((other for _, other in pairs), target, config, seed)


def _require_alike(start: RunFolder, recipe: Recipe) -> None:
    """Raises ConfigError if `start` is no run, or not one that the recipe can go on."""
    theirs = start.read_recipe()
    keys = [
        key
        for key in changed_keys(theirs, recipe)
        if key.startswith(("model.", "tokenizer."))
        and not key.endswith(("dropout", "max_lines"))
    ]
    if keys:
        raise ConfigError(
            f"{start.path}, which train.start_from names, has another {keys[0]} than "
            "this recipe; [model] and [tokenizer] must be as there, but for dropout"
        )
    for path in start.tokenizers(theirs.tokenizer.kind):
        if not path.is_file():
            raise ConfigError(f"there is no {path}, which train.start_from needs")


def _keep(report: CleaningReport, run: RunFolder) -> None:
    """Writes the report, unless a run that goes on had another."""
    content = json.dumps(asdict(report), indent=2).encode()
    if run.checkpoints() and run.corpus_report.is_file():
        before = json.loads(run.corpus_report.read_bytes())
        if before != json.loads(content):
            raise CorpusError(
                f"the corpus is not the one that {run.path} was begun with: that kept "
                f"{before.get('kept')} pairs, this {report.kept} ({run.corpus_report} "
                "has the figures); a run goes on only as it began"
            )
        return
    write_atomically(run.corpus_report, content)
