"""How much one server translates: a caller alone, a few, and many at once."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import cycle, islice
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from onnxlate.cli.bench import Measurement, measure
from onnxlate.cli.files import output_file
from onnxlate.cli.servers import started
from onnxlate.client import Client
from onnxlate.messages import CallOptions, ServedModel
from onnxlate.parallel_text import read_text

from . import options
from .machine import machine
from .sentences import sentences

CONCURRENCIES = (1, 8, 32)

NUM_WARM_UP = 64
"""Sentences before the first that count: sessions and caches grow with them."""

TIMEOUT_S = 300.0


def server(
    bundle: options.Bundle = None,
    text: options.Text = None,
    num_sentences: Annotated[
        int,
        typer.Option("--sentences", min=2, help="Sentences in each cell of the table."),
    ] = 500,
    json_file: options.Json = None,
) -> None:
    """Sentences a second and waiting times of a server, by number of callers."""
    texts = [line for line in read_text(text) if line.strip()] if text else None
    load = list(islice(cycle(texts or sentences(num_sentences)), num_sentences))
    with started(bundle) as address:
        with Client(address, timeout_s=TIMEOUT_S) as client:
            model = client.model()
        _measure(address, load[:NUM_WARM_UP], max(CONCURRENCIES))
        cells = [_measure(address, load, each) for each in CONCURRENCIES]
    Console(highlight=False, markup=False).print(_table(model, cells), machine())
    if json_file:
        record = {
            "benchmark": "server",
            "machine": machine(),
            "model": model.name,
            "precision": model.precision,
            "digest": model.digest,
            "cells": [asdict(each) for each in cells],
        }
        with output_file(json_file) as file:
            file.write(f"{json.dumps(record, indent=2)}\n".encode())


def _measure(address: str, load: Sequence[str], concurrency: int) -> Measurement:
    options = CallOptions(truncate_source=True)
    return asyncio.run(measure(address, TIMEOUT_S, iter(load), concurrency, options))


def _table(model: ServedModel, cells: Sequence[Measurement]) -> Table:
    table = Table(
        title=f"{model.name}, {model.precision}, {cells[0].sentences} sentences",
        title_justify="left",
    )
    for heading in ("callers", "sentences/s", "tokens/s", "p50", "p95", "p99"):
        table.add_column(heading, justify="right")
    for cell in cells:
        waits = (cell.latency_p50_s, cell.latency_p95_s, cell.latency_p99_s)
        table.add_row(
            str(cell.concurrency),
            f"{cell.sentences_per_s:,.1f}",
            f"{cell.target_tokens_per_s:,.0f}",
            *(f"{wait * 1000:,.1f} ms" for wait in waits),
        )
    return table
