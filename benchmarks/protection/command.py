"""`python -m benchmarks protection`."""

import asyncio
import json as json_format
from pathlib import Path
from random import Random
from typing import Annotated, Any

import sacrebleu
import typer
from rich.console import Console
from rich.table import Table

from onnxlate.bundle import Bundle
from onnxlate.errors import ConfigError
from onnxlate.parallel_text import read_parallel
from onnxlate_serving.server import DEFAULT_BUNDLE

from .inserting import AROUND_IT, IN_IT, inserted
from .trial import Trial, Tried, trial

MAX_WORDS = 40
"""Of a sentence: longer ones are more than small models read."""

Sources = Annotated[
    list[Path], typer.Option("--source", help="English sentences, a line each.")
]
References = Annotated[
    list[Path], typer.Option("--reference", help="Their German, in the same order.")
]
BundlePath = Annotated[
    Path, typer.Option("--bundle", help="What translates.", show_default="the default")
]
Sentences = Annotated[int, typer.Option(min=1, help="At most so many.")]
Seed = Annotated[int, typer.Option(help="Of what is put in, and where.")]
Json = Annotated[Path | None, typer.Option(help="File for the figures.")]


def protection(
    source: Sources,
    reference: References,
    bundle: BundlePath = DEFAULT_BUNDLE,
    sentences: Sentences = 2000,
    seed: Seed = 1,
    json: Json = None,
) -> None:
    """Puts URLs, numbers and the like into sentences, and looks what becomes of them.

    Ends with 1 if one is not there exactly once, byte by byte.
    """
    if len(source) != len(reference):
        raise ConfigError(
            f"{len(source)} --source and {len(reference)} --reference; "
            "each file of sentences wants one of translations"
        )
    random = Random(seed)
    pairs = [
        pair
        for files in zip(source, reference, strict=True)
        for pair in zip(*read_parallel(*files), strict=True)
        if 0 < len(pair[0].split()) <= MAX_WORDS
    ]
    made = [inserted(*pair, random) for pair in pairs[:sentences]]
    done = asyncio.run(trial(Bundle.open(bundle), made))
    figures = figures_of(done)
    show(figures, Console())
    if json:
        json.write_text(json_format.dumps(figures, indent=1), encoding="utf-8")
    for each in done.tried:
        for fault in each.faults:
            typer.echo(f"{fault}: {each.sentence.source} -> {each.translation}")
    raise typer.Exit(any(each.faults for each in done.tried))


def figures_of(done: Trial) -> dict[str, Any]:
    groups = {
        "all": (*IN_IT, *AROUND_IT),
        "in the sentence": IN_IT,
        "around it": AROUND_IT,
        **{place: (place,) for place in (*IN_IT, *AROUND_IT)},
    }
    rows = {
        name: [each for each in done.tried if each.place in places]
        for name, places in groups.items()
    }
    return {
        "places": {name: _row(tried) for name, tried in rows.items() if tried},
        "ways": dict(done.ways.most_common()),
    }


def _row(tried: list[Tried]) -> dict[str, float]:
    references = [[each.reference_rest for each in tried]]
    plain = sacrebleu.corpus_bleu([each.plain_rest for each in tried], references)
    rest = sacrebleu.corpus_bleu([each.rest for each in tried], references)
    return {
        "sentences": len(tried),
        "items": sum(len(each.sentence.items) for each in tried),
        "faults": sum(len(each.faults) for each in tried),
        "bleu_plain": round(plain.score, 2),
        "bleu_rest": round(rest.score, 2),
    }


def show(figures: dict[str, Any], console: Console) -> None:
    table = Table(title="What became of items, and of the sentences around them")
    columns = ("sentences", "items", "faults", "bleu_plain", "bleu_rest")
    for name in ("place", *columns):
        table.add_column(name.replace("_", " "))
    for place, row in figures["places"].items():
        table.add_row(place, *(str(row[name]) for name in columns))
    console.print(table)
    for way, count in figures["ways"].items():
        console.print(f"{count:6} {way}")
