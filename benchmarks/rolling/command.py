"""`python -m benchmarks rolling`."""

from typing import Annotated

import typer

from ..endurance.commands import Text, texts_of
from ..endurance.target import show
from ..options import Bundle, Json
from .manifest import shipped_timing
from .rolling import rolling as bear_rolling


def rolling(
    bundle: Bundle = None,
    text: Text = None,
    calls: Annotated[
        int, typer.Option(min=1, help="At least, through Envoy and straight, each.")
    ] = 2000,
    replicas: Annotated[int, typer.Option(min=2)] = 2,
    cache_seconds: Annotated[
        float, typer.Option(help="How old a name server's answers may be.")
    ] = 30.0,
    kill: Annotated[
        bool,
        typer.Option("--kill", help="SIGKILL instead of SIGTERM."),
    ] = False,
    json_file: Json = None,
) -> None:
    """Servers are replaced at Kubernetes' pace, under load: no call may be lost."""
    figures = bear_rolling(
        bundle, texts_of(text), shipped_timing(), replicas, calls, cache_seconds, kill
    )
    show("rolling", figures, json_file)
