"""`onnxlate bench`: how much a server translates, and how soon."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import quantiles
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from onnxlate.async_client import AsyncClient
from onnxlate.credentials import PLAIN, Credentials
from onnxlate.demo import EXAMPLES
from onnxlate.messages import CallOptions
from onnxlate.parallel_text import read_text

from . import options as shared
from .credentials import with_credentials
from .servers import asked


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one run saw; times in seconds, seen from the client."""

    sentences: int
    concurrency: int
    seconds: float
    sentences_per_s: float
    target_tokens_per_s: float
    latency_p50_s: float
    latency_p95_s: float
    latency_p99_s: float


@with_credentials
def bench(
    server: shared.EitherServer = None,
    bundle: shared.OrBundle = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--input",
            "-i",
            help="Sentences, a line each.",
            show_default="some for the default model",
        ),
    ] = None,
    sentences: Annotated[
        int, typer.Option(min=2, help="Sentences to send; the file repeats.")
    ] = 500,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Callers, each with one sentence at a time.")
    ] = 16,
    model: shared.Model = None,
    beam_size: shared.BeamSize = None,
    timeout_s: shared.TimeoutS = 60.0,
    as_json: shared.Json = False,
    *,
    credentials: Credentials,
) -> None:
    """Measure how many sentences a server translates in a second."""
    texts = [line for line in read_text(source) if line.strip()] if source else EXAMPLES
    options = CallOptions(model=model, beam_size=beam_size, truncate_source=True)
    load = islice(cycle(texts), sentences)
    trust = credentials if server else PLAIN
    with asked(server, bundle) as address:
        measurement = asyncio.run(
            measure(address, timeout_s, load, concurrency, options, trust)
        )
    if as_json:
        print(json.dumps(asdict(measurement)))
    else:
        Console().print(_table(measurement))


async def measure(
    server: str,
    timeout_s: float,
    texts: Iterator[str],
    concurrency: int,
    options: CallOptions,
    credentials: Credentials = PLAIN,
) -> Measurement:
    """Sends the texts, at least two, from so many callers; one text a call."""
    latencies_s: list[float] = []
    num_tokens = 0

    async def call(client: AsyncClient) -> None:
        nonlocal num_tokens
        for text in texts:  # shared: each caller takes the next one
            start = time.perf_counter()
            [translation] = await client.translate([text], **options)
            latencies_s.append(time.perf_counter() - start)
            num_tokens += translation.hypotheses[0].num_target_tokens

    async with AsyncClient(
        server, timeout_s=timeout_s, credentials=credentials
    ) as client:
        await client.models()  # connects, which is not what is measured
        start = time.perf_counter()
        await asyncio.gather(*(call(client) for _ in range(concurrency)))
        seconds = time.perf_counter() - start
    percentiles = quantiles(latencies_s, n=100, method="inclusive")
    return Measurement(
        sentences=len(latencies_s),
        concurrency=concurrency,
        seconds=round(seconds, 3),
        sentences_per_s=round(len(latencies_s) / seconds, 2),
        target_tokens_per_s=round(num_tokens / seconds, 1),
        latency_p50_s=round(percentiles[49], 5),
        latency_p95_s=round(percentiles[94], 5),
        latency_p99_s=round(percentiles[98], 5),
    )


def _table(measurement: Measurement) -> Table:
    table = Table(show_header=False)
    for name, value in asdict(measurement).items():
        table.add_row(name, f"{value:,}")
    return table
