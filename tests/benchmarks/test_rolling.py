"""Servers come and go under every kind of caller, in seconds instead of minutes."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from benchmarks.endurance.target import Unfit
from benchmarks.rolling import envoy
from benchmarks.rolling.callers import Plain, Tally
from benchmarks.rolling.manifest import shipped_timing
from benchmarks.rolling.pods import Timing
from benchmarks.rolling.rolling import judge, rolling
from onnxlate.errors import ConfigError, Unavailable
from tests.serving.handmade import write_bundle

TEXTS = ["one two three four", "five", "six seven eight"]

QUICK = Timing(min_ready=2.0, pre_stop=0.2, announce=2.5, drain=10, connection=1.0)
"""All connections are made anew while a new server waits, so that all know of it."""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    try:
        envoy.binary()
    except ConfigError as error:
        pytest.skip(str(error))
    return write_bundle(tmp_path / "en")


def test_no_call_is_lost_when_every_server_is_replaced(bundle: Path) -> None:
    figures: dict[str, Any] = rolling(bundle, TEXTS, QUICK, num_calls=50)

    assert figures["servers_replaced"] == 2
    assert figures["calls_through_envoy"] >= 50
    assert figures["calls_straight"] >= 50
    assert figures["lost_or_wrong"] == 0


def test_what_is_lost_is_told() -> None:
    """But for streams that had begun when a server was killed."""
    lost = {
        **{"envoy unary": Tally(answered=9), "envoy stream": Tally(8, 0.1, ["gone"])},
        "straight unary": Tally(answered=9),
    }
    judge(lost, kill=True)
    with pytest.raises(Unfit, match="envoy stream: 1 of 9 calls, the first: gone"):
        judge(lost, kill=False)
    lost["straight unary"].lost.append("other")
    with pytest.raises(Unfit, match="straight unary: 1 of 10 calls, the first: other"):
        judge(lost, kill=True)


def test_a_caller_counts_errors_and_other_answers() -> None:
    said = iter(["eins", "zwei"])

    def ask(text: str) -> str:
        try:
            return next(said)
        except StopIteration:
            caller.stop()
            raise Unavailable("nobody is there") from None

    caller = Plain(ask, {"one": "eins"}, start=0)
    caller.run()

    assert caller.tally.answered == 2
    assert caller.tally.lost == [
        "'one' became ['zwei']",
        "Unavailable: nobody is there",
    ]


def test_the_timing_is_that_of_the_manifest() -> None:
    timing = shipped_timing()

    assert all(getattr(timing, each.name) > 0 for each in fields(timing))
