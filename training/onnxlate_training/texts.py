"""From the recipe's files to examples: read, cleaned, cut into tokens, reported."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from onnxlate.errors import ConfigError, CorpusError
from onnxlate.text import Tokenizer

from .augment import augment
from .checkpoint import RunFolder
from .corpus import (
    CleaningReport,
    Example,
    Pair,
    clean,
    tokenize,
    training_pairs,
    validation_pairs,
)
from .cutting import CutAnew
from .recipe import Recipe, changed_keys
from .storage import write_atomically
from .subwords import train_subwords
from .workers import Worker, together


@dataclass(frozen=True)
class Texts:
    """A corpus made ready."""

    training: Sequence[Example] | CutAnew
    validation: Sequence[Pair]
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer


def prepare(
    recipe: Recipe, run: RunFolder, worker: Worker
) -> tuple[Texts, CleaningReport]:
    """Reads and cleans the corpus; the leading process trains the tokenizers.

    Raises CorpusError, also if a run goes on with another corpus; ConfigError if the
    tokenizers cannot be as the recipe wants them.
    """
    with together(worker):
        # A run that goes on has tokenizers and weights of its own.
        if recipe.train.start_from and not run.checkpoints():
            _require_alike(RunFolder(recipe.train.start_from), recipe)
        raw = training_pairs(recipe.data)
        validation = validation_pairs(recipe.data)
        pairs, dropped = clean(raw, recipe.filter)
        if worker.leads:
            _train_tokenizers(recipe, run, pairs)
        more, added = augment(
            pairs,
            recipe.augment,
            recipe.tokenizer.placeholders,
            (recipe.data.source_language, recipe.data.target_language),
            recipe.seed,
            validation,
        )
        pairs += more
    with together(worker):
        source, target = map(Tokenizer, run.tokenizers(recipe.tokenizer.kind))
        examples, too_long = tokenize(pairs, source, target, recipe.filter)
        report = CleaningReport(
            read=len(raw),
            kept=len(examples),
            dropped=dict(dropped + too_long),
            added=dict(added),
            source_tokens=sum(len(example.source) for example in examples),
            target_tokens=sum(len(example.target) for example in examples),
        )
        if not examples:
            raise CorpusError(f"no training pair is left: {report}")
        if worker.leads:
            _keep(report, run)
    training: Sequence[Example] | CutAnew = examples
    if dropout := recipe.tokenizer.dropout:
        longest = recipe.filter.max_tokens
        training = CutAnew(examples, source, target, dropout, longest, recipe.seed)
    return Texts(training, validation, source, target), report


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
        if key.startswith(("model.", "tokenizer.")) and not key.endswith("dropout")
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
        before = run.corpus_report.read_bytes()
        if before != content:
            kept = json.loads(before).get("kept")
            raise CorpusError(
                f"the corpus is not the one that {run.path} was begun with: that kept "
                f"{kept} pairs, this {report.kept} ({run.corpus_report} has the "
                "figures); a run goes on only as it began"
            )
    write_atomically(run.corpus_report, content)
