"""The options of `onnxlate evaluate`, which has many."""

from pathlib import Path
from typing import Annotated

import typer

from onnxlate.evaluation.metrics import MetricName
from onnxlate.evaluation.significance import Test

Bundles = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME=]BUNDLE",
        help="Bundles to translate with, each through a server of its own.",
    ),
]
Sources = Annotated[
    list[Path] | None,
    typer.Option(
        "--source",
        metavar="FILE",
        help="The sentences, a line each; plain or .gz. Once for each test set.",
    ),
]
References = Annotated[
    list[Path] | None,
    typer.Option(
        "--reference",
        metavar="FILE",
        help="Their translations. Once for each --source, in their order.",
    ),
]
Servers = Annotated[
    list[str] | None,
    typer.Option(
        "--server", metavar="[NAME=]HOST:PORT", help="A server to ask. Repeatable."
    ),
]
MoreBundles = Annotated[
    list[str] | None,
    typer.Option("--bundle", metavar="[NAME=]BUNDLE", help="The same as the argument."),
]
Hypotheses = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]FILE",
        help="What another system said, a line for each sentence; plain or .gz. "
        "Once for each --source, in their order.",
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help="Name of a model that --server serves. Repeatable.",
        show_default="the first",
    ),
]
Metrics = Annotated[
    list[MetricName] | None,
    typer.Option(
        "--metric",
        help="Repeatable. moses-bleu is that of the Multi30k papers: lower-cased, "
        "tokenised by Moses.",
        show_default="bleu and chrf",
    ),
]
Lowercase = Annotated[
    bool, typer.Option("--lowercase", help="Score without regard to case.")
]
TargetLanguage = Annotated[
    str | None,
    typer.Option(
        metavar="BCP47",
        help="Where words end, for bleu and moses-bleu.",
        show_default="the model's",
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The system that the others are compared with.",
        show_default="the first: bundles, servers, files",
    ),
]
Significance = Annotated[
    Test,
    typer.Option(help="Of differences: paired bootstrap, or paired randomization."),
]
Resamples = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Test sets that the bootstrap draws, or trials of the randomization.",
        show_default="1000 or 10000",
    ),
]
Lengths = Annotated[
    str | None,
    typer.Option(
        metavar="N,N,…",
        help="Where the buckets of source lengths end, in words.",
        show_default="five of about the same size",
    ),
]
Worst = Annotated[
    int,
    typer.Option(
        min=0, metavar="N", help="Sentences in each list of the JSON and the page."
    ),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Figures as JSON, a line for each system on each test set."
    ),
]
JsonFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The same into a file.")
]
Html = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Everything as one page, with plots."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="File for the translations made, a line each; of several systems or test "
        "sets, or if it is one, a folder with files TEST_SET.SYSTEM.",
    ),
]
