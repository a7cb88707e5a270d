"""What a call costs over Ray Serve and over our own server, by turns."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
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
    "unary_ms": unary,
    "stream_ms": stream,
    "call_of_32_texts_ms": of_32_texts,
}


def overhead(
    servers: dict[str, str], texts: tuple[str, ...], rounds: int
) -> dict[str, object]:
    """Medians of a caller alone, and of eight at a time calls in a second, of each.

    `servers` are addresses by name.
    """
    times: dict[str, list[float]] = {}
    rates: dict[str, list[float]] = {}
    clients = {name: Client(address) for name, address in servers.items()}
    for client in clients.values():
        client.wait_until_ready()
        _alone(client, unary, texts)
    for _ in range(rounds):
        for name, client in clients.items():
            for kind, ask in KINDS.items():
                times.setdefault(f"{name}_{kind}", []).extend(
                    _alone(client, ask, texts)
                )
            rates.setdefault(f"{name}_calls_a_second_of_{CALLERS}_callers", []).append(
                _together(client, texts)
            )
    for client in clients.values():
        client.close()
    figures: dict[str, object] = {
        name: round(1000 * median(each), 2) for name, each in times.items()
    }
    return figures | {name: round(median(each), 1) for name, each in rates.items()}


def _alone(client: Client, ask: Kind, texts: tuple[str, ...]) -> list[float]:
    seconds = []
    for text in islice(cycle(texts), NUM_CALLS):
        began = time.perf_counter()
        ask(client, text)
        seconds.append(time.perf_counter() - began)
    return seconds


def _together(client: Client, texts: tuple[str, ...]) -> float:
    calls = list(islice(cycle(texts), 4 * NUM_CALLS))
    began = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda text: unary(client, text), calls))
    return len(calls) / (time.perf_counter() - began)
