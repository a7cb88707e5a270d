"""Every server is replaced, and callers of every kind must not notice."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from onnxlate import Client

from ..endurance.target import Unfit
from . import envoy as proxy
from .callers import Asynchronous, Bare, Caller, Plain, Tally, streams, translates
from .names import Names
from .pods import Timing, pods

PROGRESS_S = 60.0
"""Everyone must have got an answer within this, or somebody hangs."""


def rolling(
    bundle: Path | None,
    texts: list[str],
    timing: Timing,
    replicas: int = 2,
    num_calls: int = 2000,
    cache_s: float = 0.0,
    kill: bool = False,
) -> dict[str, object]:
    """Replaces all of them until Envoy and those who choose have so many calls each.

    With `kill` servers die instead of being told to go. Raises Unfit if a call is lost
    or its answer is another; with `kill` streams that had begun may be lost. Raises
    ConfigError where there is no Envoy.
    """
    proxy.binary()
    with (
        Names(cache_s) as names,
        pods(bundle, replicas, timing, names) as servers,
        proxy.running(proxy.local(servers.port, names.port)) as envoy,
        ExitStack() as stack,
    ):
        straight = names.target(servers.port)
        client = stack.enter_context(Client(straight))
        client.wait_until_ready()
        answers = client.translate(texts)
        expected = {text: each.text for text, each in zip(texts, answers, strict=True)}
        callers = _callers(envoy.address, straight, client, expected, stack)
        _wait_known(envoy, replicas)
        rounds = 0
        with _calling(list(callers.values())):
            while not rounds or _fewest(callers) < num_calls:
                if kill:
                    servers.kill_all()
                else:
                    servers.replace_all()
                rounds += 1
                _require_progress(callers)
            servers.wait_gone()
            _require_progress(callers)
        asked_again = envoy.counter("cluster.onnxlate.upstream_rq_retry")
    tallies = {name: each.tally for name, each in callers.items()}
    judge(tallies, kill)
    return {
        "servers_replaced": rounds * replicas,
        "how": "SIGKILL" if kill else "SIGTERM",
        **{name: _said(each) for name, each in tallies.items()},
        "calls_through_envoy": _answered(tallies, "envoy"),
        "calls_straight": _answered(tallies, "straight"),
        "asked_again_by_envoy": asked_again,
        "lost_or_wrong": sum(len(each.lost) for each in tallies.values()),
    }


def _callers(
    envoy: str,
    straight: str,
    client: Client,
    expected: Mapping[str, str],
    stack: ExitStack,
) -> dict[str, Caller]:
    bare = Bare(envoy)
    stack.callback(bare.close)
    # A name makes it one that balances and watches health, though Envoy is but one.
    port = envoy.rpartition(":")[2]
    through = stack.enter_context(Client(f"dns:///localhost:{port}"))
    asks: dict[str, Callable[[str], str]] = {
        "envoy unary": bare.translate,
        "envoy stream": bare.stream,
        "envoy with our client": translates(through),
        "straight unary": translates(client),
        "straight stream": streams(client),
    }
    callers: dict[str, Caller] = {
        name: Plain(ask, expected, number)
        for number, (name, ask) in enumerate(asks.items())
    }
    callers["straight asyncio"] = Asynchronous(straight, expected, len(callers))
    return callers


@contextmanager
def _calling(callers: list[Caller]) -> Iterator[None]:
    for each in callers:
        each.start()
    try:
        yield
    finally:
        for each in callers:
            each.stop()
        for each in callers:
            each.join()


def _wait_known(envoy: proxy.Envoy, count: int) -> None:
    end = time.monotonic() + 20
    while envoy.healthy_servers() < count:
        if time.monotonic() > end:
            raise Unfit(f"Envoy knows {envoy.healthy_servers()} servers of {count}")
        time.sleep(0.1)


def _require_progress(callers: Mapping[str, Caller]) -> None:
    """Raises Unfit unless each gets one more answer."""
    before = {name: each.tally.answered for name, each in callers.items()}
    end = time.monotonic() + PROGRESS_S
    for name, each in callers.items():
        while each.tally.answered == before[name]:
            if time.monotonic() > end:
                raise Unfit(f"{name}: no answer any more; {each.tally.lost[:3]}")
            time.sleep(0.05)


def _fewest(callers: Mapping[str, Caller]) -> int:
    tallies = {name: each.tally for name, each in callers.items()}
    return min(_answered(tallies, "envoy"), _answered(tallies, "straight"))


def _answered(tallies: Mapping[str, Tally], way: str) -> int:
    return sum(t.answered for name, t in tallies.items() if name.startswith(way))


def _said(tally: Tally) -> dict[str, object]:
    return {
        "answered": tally.answered,
        "lost_or_wrong": len(tally.lost),
        "longest_s": round(tally.longest_s, 2),
    }


def judge(tallies: Mapping[str, Tally], kill: bool) -> None:
    """Raises Unfit for what was lost, but for streams where servers were killed."""
    lost = [
        f"{name}: {len(tally.lost)} of {tally.answered + len(tally.lost)} calls, "
        f"the first: {tally.lost[0]}"
        for name, tally in tallies.items()
        if tally.lost and not (kill and "stream" in name)
    ]
    if lost:
        raise Unfit("; ".join(lost))
