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
from .recipe import Recipe
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
        pairs, examples, too_long = tokenize(pairs, source, target, recipe.filter)
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
        _copy_tokenizers(RunFolder(recipe.train.start_from), run, config.kind)
        return
    if not pairs:
        raise CorpusError("every training pair has an empty side or was seen before")
    if config.kind == "joint":
        both = (text for pair in pairs for text in pair)
        train_subwords(both, source, config, seed)
        return
    train_subwords((one for one, _ in pairs), source, config, seed)
    train_subwords((other for _, other in pairs), target, config, seed)


def _copy_tokenizers(start: RunFolder, run: RunFolder, kind: str) -> None:
    """Raises ConfigError if `start` is no run, or its tokenizers are another kind."""
    theirs = start.read_recipe().tokenizer.kind
    if theirs != kind:
        raise ConfigError(
            f'train.start_from has tokenizer.kind "{theirs}" and this recipe "{kind}"; '
            "make them alike"
        )
    for old, new in zip(start.tokenizers(kind), run.tokenizers(kind), strict=True):
        try:
            write_atomically(new, old.read_bytes())
        except FileNotFoundError as cause:
            raise ConfigError(
                f"there is no {old}; train.start_from lacks it"
            ) from cause


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
