"""Options that several commands share, with one help text each."""

from pathlib import Path
from typing import Annotated

import typer

from onnxlate.answer import Format

DEFAULT_SERVER = "127.0.0.1:50051"

Server = Annotated[
    str,
    typer.Option(
        "--server", metavar="HOST:PORT", envvar="ONNXLATE_SERVER", help="The server."
    ),
]
EitherServer = Annotated[
    str | None,
    typer.Option("--server", metavar="HOST:PORT", help="A server to ask, or"),
]
OrBundle = Annotated[
    Path | None, typer.Option(help="a bundle to start a server of its own for.")
]
Model = Annotated[
    str | None,
    typer.Option(help="Name of a served model.", show_default="the server's"),
]
BeamSize = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Hypotheses kept while searching; 1 is greedy search.",
        show_default="the server's",
    ),
]
LengthPenalty = Annotated[
    float | None,
    typer.Option(help="0 favours short translations, 1 compares averages."),
]
MaxTargetTokens = Annotated[
    int | None, typer.Option(min=1, help="Longest translation in tokens.")
]
TimeoutS = Annotated[
    float, typer.Option("--timeout", min=0.001, help="Seconds one call may take.")
]
TextFormat = Annotated[
    Format,
    typer.Option(
        "--format",
        help="What a text is. All but sentences are read whole, and keep their layout.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="File to write instead of standard output, at the end."
    ),
]
