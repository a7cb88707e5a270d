"""`onnxlate average`: one model of several that went on from the same weights.

Runs that begin with one run's weights and differ in their seed or their text end near
enough to each other for the mean of their weights to be a model, mostly a better one
than each: model soups, Wortsman et al. 2022. So do a run and those that went on from it
(Wortsman et al. 2022b, "Robust fine-tuning"). Of runs that began apart it is noise.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from onnxlate.errors import ConfigError, TrainingError

from .checkpoint import FinalNote, Progress, RunFolder
from .recipe import Recipe, changed_keys
from .storage import remove_folder, write_atomically
from .vocabularies import require_one_vocabulary
from .weights import average as mean_of


def average_runs(paths: Sequence[Path], output: Path) -> FinalNote:
    """Writes a run whose final weights are the mean of theirs, with the first's recipe.

    Raises ConfigError if there is only one, if they did not descend from one run or
    differ in shape or vocabulary, or if `output` holds something; TrainingError.
    """
    if len(paths) < 2:
        raise ConfigError(f"{paths[0]} alone has no mean; name two runs or more")
    if output.exists() or output.is_symlink():
        raise ConfigError(f"{output} is there already; choose another --output")
    runs = [RunFolder(path) for path in paths]
    recipes = [run.read_recipe() for run in runs]
    lines = [_line(run) for run in runs]
    for run, recipe, line in zip(runs[1:], recipes[1:], lines[1:], strict=True):
        if lines[0].isdisjoint(line):
            raise _began_apart(runs[0], recipes[0], run, recipe)
        _require_alike(runs[0], recipes[0], run, recipe)
    if len({path.resolve() for path in paths}) < len(paths):
        raise ConfigError("a run is named twice, and would count twice")
    results = [run.result() for run in runs]
    stood = [
        note.progress or run.progress()
        for run, (_, note) in zip(runs, results, strict=True)
    ]
    note = FinalNote(
        average=f"{len(runs)} runs",
        updates=[each.update for each in stood],
        progress=Progress(
            update=sum(each.update for each in stood),
            num_target_tokens=sum(each.num_target_tokens for each in stood),
            seconds=sum(each.seconds for each in stood),
        ),
        descends_from=sorted(set.intersection(*lines)),
    )
    made = RunFolder(output)
    kind = recipes[0].tokenizer.kind
    pairs = zip(runs[0].tokenizers(kind), made.tokenizers(kind), strict=True)
    try:
        made.open_for(recipes[0])
        for old, new in pairs:
            write_atomically(new, old.read_bytes())
        made.write_result(mean_of([weights for weights, _ in results]), note)
    except TrainingError:
        remove_folder(output)  # or it would be in the way of the next try
        raise
    return note


def average(
    runs: Annotated[list[Path], typer.Argument(help="Two training runs or more.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="A new folder, which can be exported."),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="One line of JSON on stdout.")
    ] = False,
) -> None:
    """Make one model of several runs that descend from the same run's weights."""
    note = average_runs(runs, output)
    if as_json:
        print(json.dumps({"run": str(output), "updates": note.updates}))
    else:
        typer.echo(f"{output}: the mean of {note.average}", err=True)


def _began_apart(
    first: RunFolder, its_recipe: Recipe, run: RunFolder, recipe: Recipe
) -> ConfigError:
    start, other = its_recipe.train.start_from, recipe.train.start_from
    return ConfigError(
        f"{first.path} started from {start or 'chance'} and {run.path} from "
        f"{other or 'chance'}; a mean is a model only where all descend from one "
        "run (train.start_from)"
    )


def _require_alike(
    first: RunFolder, its_recipe: Recipe, run: RunFolder, recipe: Recipe
) -> None:
    keys = [
        key
        for key in changed_keys(its_recipe, recipe)
        if key.startswith("model.") and not key.endswith("dropout")
    ]
    if keys:
        raise ConfigError(f"{first.path} and {run.path} have another {keys[0]}")
    require_one_vocabulary(
        first.tokenizers(its_recipe.tokenizer.kind),
        run.tokenizers(recipe.tokenizer.kind),
        "runs that are averaged",
    )


def _line(run: RunFolder) -> set[Path]:
    """The run and those it went on from, as far back as they are there."""
    found: set[Path] = set()
    waiting = [run.path]
    while waiting:
        path = waiting.pop().resolve()
        if path in found:
            continue
        found.add(path)
        # Where it has been is known, and maybe no longer where it came from.
        with suppress(ConfigError):
            waiting += RunFolder(path).ancestors()
    return found
