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

from onnxlate.errors import ConfigError, CorpusError, TrainingError
from onnxlate.text import Tokenizer

from .augment import augmented
from .batches import Examples
from .checkpoint import RunFolder
from .corpus import (
    CleaningReport,
    Pair,
    tokenized,
    training_pairs,
    validation_pairs,
)
from .kept import KeptPairs, keep_pairs
from .made_of import is_made, made_of
from .recipe import Recipe, changed_keys
from .storage import new_folder, remove_folder, write_atomically
from .store import Store, write_examples
from .subwords import train_subwords
from .workers import Worker, together


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
        if worker.leads:
            # A run that goes on has tokenizers and weights of its own.
            if recipe.train.start_from and not run.checkpoints():
                _require_alike(RunFolder(recipe.train.start_from), recipe)
            if not is_made(recipe, run):
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
        report = _read_report(run)
    return Texts(examples, validation, source, target), report


def _make(recipe: Recipe, run: RunFolder, validation: Sequence[Pair]) -> None:
    """RUN/corpus, the tokenizers and the report on it all."""
    if not run.checkpoints():
        # The corpus first: without its tokenizers it means nothing.
        remove_folder(run.corpus)
        for old in run.all_tokenizers:
            old.unlink(missing_ok=True)
    with new_folder(run.corpus) as folder:
        text = folder / "text"
        text.mkdir()
        report = _examples(recipe, run, validation, text, folder)
        shutil.rmtree(text)
        if not report.kept:
            raise CorpusError(f"no training pair is left: {report}")
        (folder / run.made_of.name).write_text(
            made_of(recipe).model_dump_json(indent=2)
        )
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
    if run.checkpoints() and run.corpus_report.is_file():
        before = _read_report(run)
        if before != report:
            raise CorpusError(
                f"the corpus is not the one that {run.path} was begun with: that kept "
                f"{before.kept} pairs, this {report.kept} ({run.corpus_report} "
                "has the figures); a run goes on only as it began"
            )
        return
    content = json.dumps(asdict(report), indent=2).encode()
    write_atomically(run.corpus_report, content)


def _read_report(run: RunFolder) -> CleaningReport:
    try:
        return CleaningReport(**json.loads(run.corpus_report.read_bytes()))
    except (OSError, ValueError, TypeError) as cause:
        raise TrainingError(
            f"{run.corpus_report} is damaged; delete it, and it is made anew of the "
            "training text"
        ) from cause
