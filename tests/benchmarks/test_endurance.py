"""The trials of a server, each made small."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

import grpc
import pytest

from benchmarks.endurance.chaos import chaos
from benchmarks.endurance.crowd import Crowd
from benchmarks.endurance.fuzz import fuzz, mutated, sample
from benchmarks.endurance.overload import TRANSLATE, overload, p99_ms
from benchmarks.endurance.soak import soak
from benchmarks.endurance.storm import storm
from benchmarks.endurance.target import Target, Unfit, target
from onnxlate.v1 import translation_pb2 as pb
from tests.serving.handmade import write_bundle

TEXTS = ["one two three four", "five", "six seven eight"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle") / "en")


@pytest.fixture(scope="module")
def server(bundle: Path) -> Iterator[Target]:
    with target(bundle, "--max-waiting", "4") as server:
        yield server


def test_broken_requests_come_in_every_kind_and_repeat_with_their_seed(
    server: Target,
) -> None:
    figures = asyncio.run(fuzz(server, 300, seed=1))

    statuses = figures["statuses"]
    assert isinstance(statuses, dict)
    assert sum(statuses.values()) == 300
    assert {"OK", "INVALID_ARGUMENT", "NOT_FOUND"} <= set(statuses)
    one, other = Random(7), Random(7)
    for _ in range(50):
        (method, message), (same, like) = sample(one), sample(other)
        assert (method, message) == (same, like)
        content = message.SerializeToString(deterministic=True)
        assert mutated(one, content) == mutated(other, content)


def test_a_fault_of_ours_is_found(tmp_path: Path) -> None:
    poisoned = write_bundle(tmp_path / "poisoned", poison="I")  # one of fuzz's words
    with target(poisoned) as server, pytest.raises(Unfit, match="INTERNAL or UNKNOWN"):
        asyncio.run(fuzz(server, 400, seed=1))


def test_a_storm_leaves_no_row_taken(server: Target) -> None:
    figures = asyncio.run(storm(server, TEXTS, 60, seed=1))

    assert figures["streams"] == 60
    ways = ("cancelled", "ended_before", "refused")
    assert sum(int(str(figures[way])) for way in ways) == 60


def test_an_overload_is_measured(server: Target) -> None:
    figures = asyncio.run(overload(server, TEXTS, 4, seconds=2, times=3))

    assert figures["capacity_a_second"] > 0
    assert figures["answered_a_second"] > 0
    assert figures["refused"] > 0
    assert figures["cores_of_the_server"] > 0
    assert p99_ms([0.001 * number for number in range(101)]) == 99.0


def test_the_callers_of_an_overload_hear_each_status(server: Target) -> None:
    async def statuses() -> list[int]:
        crowd = await Crowd.meet(server.address, TRANSLATE)
        request = pb.TranslateRequest(texts=TEXTS).SerializeToString()
        try:
            # One by one: two at once are more than this server takes.
            calls = (request, b"", b"\xff\xff", request)
            return [await crowd.call(each) for each in calls]
        finally:
            crowd.close()

    ok, invalid = (
        code.value[0] for code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT)
    )
    assert asyncio.run(statuses()) == [ok, invalid, invalid, ok]


def test_chaos_counts_what_is_lost(bundle: Path) -> None:
    figures = chaos(bundle, TEXTS, num_answers=1, frozen_s=0.5)

    assert figures["lost_or_wrong"] == 0
    assert figures["events"] == {
        **{"SIGTERM": 2, "SIGKILL": 2, "SIGSTOP": 2},
        **{"new certificate": 2, "new model": 2},
    }
    assert figures["clients_killed_in_a_stream"] > 0  # type: ignore[operator]


def test_a_soak_has_calls_of_every_kind(server: Target) -> None:
    figures = asyncio.run(soak(server, TEXTS, seconds=6, rate=30, seed=1))

    assert set(figures["kinds"]) == {  # type: ignore[call-overload]
        *("translate", "stream", "leave a stream", "hurry", "break")
    }
    assert float(str(figures["p99_ms_in_the_last_fifth"])) > 0
    assert int(str(figures["open_files_at_the_end"])) > 0


def test_a_soak_finds_what_goes_wrong(tmp_path: Path) -> None:
    poisoned = write_bundle(tmp_path / "poisoned", poison="I")
    with target(poisoned) as server, pytest.raises(Unfit, match="INTERNAL: internal"):
        asyncio.run(soak(server, [*TEXTS, "I"], seconds=5, rate=20, seed=1))
