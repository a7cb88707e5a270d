"""What a call costs over Ray Serve and over our own server, by turns."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice, product
from statistics import median

from onnxlate.client import Client

NUM_CALLS = 40
"""Of each kind, to each of the two, in each round."""

CALLERS = 8

Kind = Callable[[Client, str], object]


def unary(client: Client, text: str) -> object:
    return client.translate([text])


def stream(client: Client, text: str) -> object:
    return list(client.stream(text))


def of_32_texts(client: Client, text: str) -> object:
    return client.translate([text] * 32)


KINDS: dict[str, Kind] = {
    "unary": unary,
    "stream": stream,
    "call_of_32_texts": of_32_texts,
}


@dataclass(frozen=True)
class Side:
    """One of the two."""

    name: str
    address: str
    cpu_s: Callable[[], float]
    """CPU seconds that it has spent so far, all its processes together."""


def overhead(
    sides: Sequence[Side], texts: tuple[str, ...], rounds: int
) -> dict[str, object]:
    """Medians of a caller alone, CPU for each of its calls, and calls in a second of
    eight callers at a time."""
    times: dict[str, list[float]] = {}
    with ExitStack() as stack:
        clients = {
            side.name: stack.enter_context(Client(side.address)) for side in sides
        }
        for client in clients.values():
            client.wait_until_ready()
            _alone(client, unary, texts)
        for _, side in product(range(rounds), sides):
            client = clients[side.name]
            for kind, ask in KINDS.items():
                cpu_s = side.cpu_s()
                seconds = _alone(client, ask, texts)
                cpu = (side.cpu_s() - cpu_s) / len(seconds)
                times.setdefault(f"{side.name}_{kind}_ms", []).extend(seconds)
                times.setdefault(f"{side.name}_{kind}_cpu_ms", []).append(cpu)
            times.setdefault(f"{side.name}_call_of_{CALLERS}_callers_ms", []).append(
                _together(client, texts)
            )
    return {name: round(1000 * median(each), 2) for name, each in times.items()}


def _alone(client: Client, ask: Kind, texts: tuple[str, ...]) -> list[float]:
    seconds = []
    for text in islice(cycle(texts), NUM_CALLS):
        began = time.perf_counter()
        ask(client, text)
        seconds.append(time.perf_counter() - began)
    return seconds


def _together(client: Client, texts: tuple[str, ...]) -> float:
    """Seconds for each call."""
    calls = list(islice(cycle(texts), 4 * NUM_CALLS))
    began = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda text: unary(client, text), calls))
    return (time.perf_counter() - began) / len(calls)
