"""Options of the commands that compare."""

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .suite import SweepWhen


class DeviceName(StrEnum):
    cpu = "cpu"
    cuda = "cuda"


CACHE = Path(tempfile.gettempdir()) / "onnxlate-benchmarks"

Text = Annotated[
    Path | None,
    typer.Option(help="Sentences, a line each.", show_default="number words"),
]
Models = Annotated[
    str,
    typer.Option(help="Models with random weights, by size, with commas between."),
]
Run = Annotated[
    Path | None,
    typer.Option(help="A training run, whose model is measured as well."),
]
Data = Annotated[
    Path | None, typer.Option(help="Where the run's corpus is now, if it has moved.")
]
Precisions = Annotated[str, typer.Option(help="Of them, with commas between.")]
BeamSizes = Annotated[
    str, typer.Option("--beams", help="Beam sizes, with commas between; 1 is greedy.")
]
Peers = Annotated[
    str,
    typer.Option(
        help="Whom `offline` and `latency` compare with, with commas between: "
        "ctranslate2, pytorch, marian."
    ),
]
Rounds = Annotated[
    int, typer.Option(min=1, help="How often each engine has its turn in a cell.")
]
RoundSeconds = Annotated[
    float, typer.Option(min=0, help="What a turn is to take, by number of sentences.")
]
SweepSeconds = Annotated[
    float, typer.Option(min=0, help="What trying one setting of a peer is to take.")
]
Sweep = Annotated[
    SweepWhen,
    typer.Option(
        "--sweep",
        help="Whether the peer's best settings are looked for: where they are not "
        "known yet, anew, or never.",
    ),
]
LimitMs = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Serving: what an answer may take to count.",
        show_default="5 times a call alone, with the slower server",
    ),
]
OnDevice = Annotated[
    DeviceName,
    typer.Option(
        "--device",
        help="Where `offline` and `latency` compute; on cuda with --precisions fp16.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option("--our-workers", min=1, help="As many decoding threads of ours."),
]
Threads = Annotated[
    int | None,
    typer.Option("--our-threads", min=1, help="Threads in one operator of ours."),
]
MaxRows = Annotated[
    int | None,
    typer.Option("--our-rows", min=1, help="Rows that each of our workers decodes."),
]
Cache = Annotated[
    Path, typer.Option(help="Folder where models and best settings are kept.")
]
Bundle = Annotated[
    Path | None,
    typer.Option(help="The bundle to serve.", show_default="the default model"),
]
Cores = Annotated[
    str | None,
    typer.Option(
        help="Cores of the server and of its callers, as 0,1:2-5; for `serving`, of "
        "both servers.",
        show_default="all, shared",
    ),
]
Json = Annotated[Path | None, typer.Option("--json", help="File for the figures.")]
