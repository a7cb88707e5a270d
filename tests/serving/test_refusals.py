"""What is said of refusals when there are many."""

import asyncio
import logging

import pytest

from onnxlate_serving.refusals import Refusals, come_back_later


async def test_the_log_has_the_first_and_then_how_many_there_were(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals = Refusals(quiet_s=0.01)
    for number in range(100):
        refusals.note(f"{number} texts are waiting")
    assert caplog.messages == ["refused: 0 texts are waiting"]

    async with asyncio.timeout(10):
        while len(caplog.messages) < 2:
            await asyncio.sleep(0.01)

    assert caplog.messages[1:] == [
        "refused 99 more calls, the last: 99 texts are waiting"
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


async def test_after_a_quiet_time_the_next_is_told_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals = Refusals(quiet_s=0)
    refusals.note("full")
    await asyncio.sleep(0.01)

    refusals.note("full again")

    assert caplog.messages == ["refused: full", "refused: full again"]


def test_each_reason_has_trailers_of_its_own() -> None:
    one, other = come_back_later("one"), come_back_later("other")

    assert one == come_back_later("one")
    assert one != other
