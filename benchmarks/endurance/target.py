"""A server of ours to be tried, in a process of its own, and what it says of itself."""

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from urllib.request import urlopen

from rich.console import Console
from rich.table import Table

from onnxlate.cli.files import output_file
from onnxlate.errors import OnnxlateError
from onnxlate.local_server import ServerProcess

from ..machine import machine
from ..process_memory import memory

RETRIES_OFF = (("grpc.enable_retries", 0),)
"""Options of a channel that shows each status as it comes."""


MAX_GROWTH_MB = 50


class Unfit(OnnxlateError):
    """The server did not bear it."""


@dataclass(frozen=True)
class Target:
    pid: int
    address: str
    metrics: str
    """HOST:PORT of its pages."""

    @property
    def resident_mb(self) -> float:
        return round(memory(self.pid).resident / 1e6, 1)

    def value(self, name: str) -> float:
        """A metric of its own, summed over what it is told apart by."""
        with urlopen(f"http://{self.metrics}/metrics", timeout=10) as page:
            lines = page.read().decode().splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.startswith((f"{name} ", f"{name}{{"))
        )

    def wait_until_idle(self, seconds: float = 10) -> float:
        """How long it took until all rows were free and nothing waited."""
        began = time.monotonic()
        while any(
            self.value(name)
            for name in ("onnxlate_rows_in_use", "onnxlate_waiting_texts")
        ):
            if time.monotonic() - began > seconds:
                raise Unfit(f"after {seconds:g} s rows are still taken, or texts wait")
            time.sleep(0.02)
        return round(time.monotonic() - began, 2)


async def arrivals(rate: float, seconds: float, seed: int) -> AsyncIterator[None]:
    """A Poisson process in real time: so many a second on average, for so long."""
    random = Random(seed)
    began = due = time.perf_counter()
    while (due := due + random.expovariate(rate)) - began < seconds:
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        yield


def require_flat(resident_mb: Sequence[float]) -> None:
    """Raises Unfit if memory has grown from the first to the last."""
    if resident_mb[-1] - resident_mb[0] > MAX_GROWTH_MB:
        raise Unfit(f"its memory grew from {resident_mb[0]} to {resident_mb[-1]} MB")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(bundle: Path | None, *options: str) -> list[str]:
    bundles = [] if bundle is None else [str(bundle)]
    return [sys.executable, "-m", "onnxlate_serving", *bundles, *options]


@contextmanager
def target(bundle: Path | None, *options: str) -> Iterator[Target]:
    """Serves the bundle, or the default model, remembering no answer."""
    metrics = f"127.0.0.1:{free_port()}"
    places = ("--listen", "127.0.0.1:0", "--metrics", metrics, "--max-cached", "0")
    with ServerProcess(command(bundle, *places, *options)) as server:
        yield Target(server.pid, server.address, metrics)


def show(
    name: str, figures: Mapping[str, Any], json_file: Path | None, where: str = ""
) -> None:
    """Prints the figures, and writes them; `where` is put behind the machine."""
    place = machine() + where
    table = Table(title=name, title_justify="left", show_header=False)
    for key, value in figures.items():
        table.add_row(key.replace("_", " "), _shown(value))
    Console(highlight=False, markup=False).print(table, place)
    if json_file:
        record = {"benchmark": name, "machine": place, **figures}
        with output_file(json_file) as file:
            file.write(f"{json.dumps(record, indent=2)}\n".encode())


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items())
    return f"{value:,}" if isinstance(value, int | float) else str(value)
