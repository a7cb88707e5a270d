"""`python -m benchmarks fuzz | storm | overload | chaos | soak`."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from onnxlate.demo import EXAMPLES
from onnxlate.parallel_text import read_text

from ..cores import Split
from ..options import Bundle, Cores, Json
from .chaos import chaos as bear_chaos
from .fuzz import fuzz as bear_fuzz
from .overload import overload as bear_overload
from .soak import soak as bear_soak
from .storm import storm as bear_storm
from .target import show, target

Text = Annotated[
    Path | None,
    typer.Option(help="Sentences, a line each.", show_default="the demo's"),
]
Seed = Annotated[int, typer.Option(help="Of what is random.")]


def fuzz(
    bundle: Bundle = None,
    requests: Annotated[int, typer.Option(min=100)] = 100_000,
    seed: Seed = 1,
    json_file: Json = None,
) -> None:
    """Broken requests: none may be INTERNAL or UNKNOWN, and memory must not grow."""
    with target(bundle) as server:
        figures = asyncio.run(bear_fuzz(server, requests, seed))
    show("fuzz", figures, json_file)


def storm(
    bundle: Bundle = None,
    text: Text = None,
    streams: Annotated[int, typer.Option(min=1)] = 1000,
    seed: Seed = 1,
    json_file: Json = None,
) -> None:
    """Streams cancelled at random moments: all rows must be free afterwards."""
    with target(bundle) as server:
        figures = asyncio.run(bear_storm(server, texts_of(text), streams, seed))
    show("storm", figures, json_file)


def overload(
    bundle: Bundle = None,
    text: Text = None,
    seconds: Annotated[float, typer.Option(min=1)] = 60.0,
    times: Annotated[float, typer.Option(help="Of the capacity.")] = 5.0,
    beam_size: Annotated[int, typer.Option(min=1)] = 4,
    max_waiting_seconds: Annotated[
        float, typer.Option(min=0.01, help="The server's bound on what waits.")
    ] = 0.5,
    cores: Cores = None,
    json_file: Json = None,
) -> None:
    """Far more calls than can be answered: goodput, waiting times, refusals."""
    split = Split.parse(cores)
    with ExitStack() as stack:
        with split.for_server():
            bound = ("--max-waiting-seconds", str(max_waiting_seconds))
            server = stack.enter_context(target(bundle, *bound))
        stack.enter_context(split.for_load())
        work = bear_overload(server, texts_of(text), beam_size, seconds, times)
        figures = asyncio.run(work)
    bound_ms = 1000 * max_waiting_seconds
    allowed_ms = round(2 * figures["p99_ms_of_answers_calm"] + bound_ms, 1)
    limits = {
        "p99_ms_allowed_to_answers": allowed_ms,
        "max_waiting_seconds": max_waiting_seconds,
    }
    show("overload", figures | limits, json_file, split.words)


def chaos(
    bundle: Bundle = None,
    text: Text = None,
    answers: Annotated[int, typer.Option(min=1)] = 5000,
    json_file: Json = None,
) -> None:
    """Two servers restarted, killed and frozen under load: no answer may be lost."""
    show("chaos", bear_chaos(bundle, texts_of(text), answers), json_file)


def soak(
    bundle: Bundle = None,
    text: Text = None,
    seconds: Annotated[float, typer.Option(min=5)] = 1800.0,
    rate: Annotated[float, typer.Option(help="Calls a second.")] = 20.0,
    seed: Seed = 1,
    json_file: Json = None,
) -> None:
    """Calls of every kind for half an hour: no growth, no error, no other answer."""
    with target(bundle) as server:
        work = bear_soak(server, texts_of(text), seconds, rate, seed)
        figures = asyncio.run(work)
    show("soak", figures, json_file)


def texts_of(path: Path | None) -> list[str]:
    if path is None:
        return list(EXAMPLES)
    return [line for line in read_text(path) if line.strip()][:1000]
