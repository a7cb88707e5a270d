"""`python -m onnxlate_export.pipeline`: every step of the product, once, for real.

Generates a corpus, trains on it, exports, starts a server on the bundle, translates
the unseen test items through it and scores them. Two to three minutes on two cores;
nothing is needed but this package. Steps talk to each other only as a user's would:
by the command line, by files, by gRPC.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from onnxlate.cli import run
from onnxlate.client import Client
from onnxlate.errors import ServerFailure
from onnxlate.evaluation import Scores, read_test_set, score
from onnxlate.local_server import LocalServer
from onnxlate_training.generated import write_corpus

RECIPE = Path(__file__).parents[2] / "training" / "recipes" / "numbers-en-de.toml"

NUM_EXAMPLES = 5

console = Console(stderr=True, highlight=False)


def main(
    folder: Annotated[
        Path, typer.Argument(help="Where corpus, run and bundle go.")
    ] = Path("runs/pipeline"),
    recipe: Annotated[Path, typer.Option(help="Another recipe.")] = RECIPE,
    precision: Annotated[str, typer.Option(help="fp32 or int8.")] = "fp32",
    least: Annotated[
        float, typer.Option(help="Share of exact translations that must be reached.")
    ] = 0.95,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON.")] = False,
) -> None:
    """Train, export, serve, translate, score: the whole product, end to end."""
    corpus, trained, bundle = (folder / each for each in ("corpus", "run", "bundle"))
    console.rule("1 · corpus")
    write_corpus(corpus)
    console.print(f"English and German numbers, times and dates in {corpus}")
    console.rule("2 · train")
    data = f"data.folder={json.dumps(str(corpus))}"
    seconds = call(
        *("onnxlate_training", recipe, "--set", data),
        *("--output", trained, "--resume"),
    )
    console.rule("3 · export")
    call("onnxlate_export", trained, "-o", bundle, "--precision", precision)
    console.rule("4 · serve, translate, score")
    figures = served(bundle, corpus)
    figures["training_seconds"] = round(seconds, 1)
    if as_json:
        print(json.dumps(figures))
    if figures["exact"] < least:
        console.print(f"only {figures['exact']:.1%} exact; {least:.0%} were wanted")
        raise typer.Exit(1)


def call(module: str, *arguments: str | Path) -> float:
    """Runs a component as a user would; the seconds it took."""
    started = time.perf_counter()
    code = subprocess.call([sys.executable, "-m", module, *map(str, arguments)])
    if code:
        raise typer.Exit(code)
    return time.perf_counter() - started


def served(bundle: Path, corpus: Path) -> dict[str, float]:
    """Figures of the test items' translations by a server on the bundle."""
    tests = read_test_set(corpus / "test.en", corpus / "test.de")
    with LocalServer(bundle) as server, Client(server.address) as client:
        console.print(f"ready at {server.address}")
        started = time.perf_counter()
        texts = [each.text for each in client.translate(tests.sources)]
        seconds = time.perf_counter() - started
    if len(texts) != len(tests.sources):
        raise ServerFailure(f"{len(tests.sources)} texts, {len(texts)} answers")
    pairs = zip(texts, tests.references, strict=True)
    exact = sum(text == wanted for text, wanted in pairs) / len(texts)
    scores = score(texts, tests.references)
    show(tests.sources, texts, tests.references, exact, scores)
    return {
        "exact": exact,
        "bleu": scores.bleu,
        "chrf": scores.chrf,
        "sentences_per_second": round(len(texts) / seconds, 1),
    }


def show(
    sources: list[str],
    texts: list[str],
    references: list[str],
    exact: float,
    scores: Scores,
) -> None:
    table = Table("source", "translation", "right?", title="unseen items")
    for source, text, wanted in list(zip(sources, texts, references, strict=True))[
        :NUM_EXAMPLES
    ]:
        table.add_row(source, text, "yes" if text == wanted else f"no: {wanted}")
    console.print(table)
    console.print(
        f"{exact:.1%} of {len(texts)} exact, "
        f"BLEU {scores.bleu:.1f}, chrF {scores.chrf:.1f}"
    )


if __name__ == "__main__":
    run(main)
