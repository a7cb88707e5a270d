"""`python -m benchmarks capacity`: how many replicas a load takes."""

import os
from pathlib import Path
from typing import Annotated

import typer

from onnxlate.cli.files import output_file
from onnxlate.errors import ConfigError
from onnxlate_serving.server import default_bundle

from ..commands import numbers, wide_console
from ..endurance.commands import Text
from ..machine import machine
from ..options import Bundle, Json
from ..tables import rich_table
from ..workload import texts_of
from .figures import CapacityFigures
from .picture import draw
from .shown import page, tables
from .trial import Setting, tried

NUM_TEXTS = 500


def capacity(
    bundle: Bundle = None,
    text: Text = None,
    beams: Annotated[str, typer.Option(help="Beam sizes, with commas.")] = "1,5",
    seconds: Annotated[
        float, typer.Option(min=0.5, help="Of each load in each round.")
    ] = 8.0,
    rounds: Annotated[int, typer.Option(min=1, help="Of all loads.")] = 3,
    limit_ms: Annotated[
        float, typer.Option(min=1, help="Answers that take longer do not count.")
    ] = 100.0,
    picture: Annotated[
        Path | None, typer.Option(help="SVG or PNG file for a plot.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="File for the tables, as docs/ has them.")
    ] = None,
    json_file: Json = None,
) -> None:
    """Costs of a replica, a queueing model, a simulation, one and two replicas."""
    if not hasattr(os, "sched_setaffinity"):
        raise ConfigError("capacity gives each replica a core, which needs Linux")
    path = bundle or default_bundle()
    texts = texts_of(text)[:NUM_TEXTS]
    setting = Setting(path, texts, seconds, rounds, limit_ms)
    figures = CapacityFigures(
        machine=machine(),
        text=text.name if text else "generated number words",
        model=path.name,
        searches=[tried(setting, beam) for beam in numbers(beams)],
    )
    shown = list(tables(figures))
    console = wide_console()
    for each in shown:
        console.print(rich_table(each))
    console.print(machine(), markup=False)
    if json_file:
        with output_file(json_file) as file:
            file.write(f"{figures.model_dump_json(indent=2)}\n".encode())
    if markdown:
        with output_file(markdown) as file:
            file.write(page(shown).encode())
    if picture:
        draw(figures, picture)
