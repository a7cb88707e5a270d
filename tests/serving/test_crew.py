"""Engines side by side: who gets what, and what a refusal leaves behind."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from onnxlate.errors import Overloaded, Unavailable
from onnxlate.search import SearchOptions
from onnxlate_serving.caller import ANYBODY
from onnxlate_serving.config import FEW, SchedulerConfig
from onnxlate_serving.crew import Crew
from onnxlate_serving.engine import Engine, Runner
from onnxlate_serving.request import Request
from onnxlate_serving.scheduler import Scheduler

from .doubles import Echo, Gated


def request(*source_ids: int, beam_size: int = 1) -> Request:
    return Request(source_ids, SearchOptions(1000, beam_size=beam_size))


@asynccontextmanager
async def engines(
    *runners: Runner, waiting: int = 100
) -> AsyncIterator[Sequence[Engine]]:
    config = SchedulerConfig(max_rows=4, max_waiting=waiting)
    crew = [Engine(Scheduler(config), runner) for runner in runners]
    for engine in crew:
        engine.start()
    try:
        yield crew
    finally:
        for engine in crew:
            await engine.stop()


async def answer(crew: Crew, *requests: Request) -> list[tuple[int, ...]]:
    with crew.decoding(requests) as outboxes:
        return [(await outbox.outcome())[0].tokens for outbox in outboxes]


async def test_answers_come_in_the_order_of_the_texts_whoever_gave_them() -> None:
    left, right = Echo(), Echo()
    async with engines(left, right) as crew:
        texts = [request(4, number) for number in range(3 * FEW)]
        said = await answer(Crew(crew), *texts)

    assert said == [(4, number) for number in range(3 * FEW)]
    assert left.steps
    assert right.steps


async def test_a_few_texts_keep_one_engine_busy_and_not_two() -> None:
    left, right = Gated(), Gated()
    async with engines(left, right) as crew:
        texts = [request(4) for _ in range(FEW)]
        task = asyncio.create_task(answer(Crew(crew), *texts))
        await asyncio.sleep(0)
        assert [engine.load for engine in crew] == [FEW, 0]
        left.go(FEW)
        await task

    assert not right.steps


async def test_lone_greedy_texts_fill_one_engine_before_the_next() -> None:
    left, right = Gated(), Gated()
    async with engines(left, right) as engine_pair:
        crew = Crew(engine_pair, few_lone=FEW + 2)
        tasks = [asyncio.create_task(answer(crew, request(4))) for _ in range(FEW + 2)]
        await asyncio.sleep(0)
        assert [engine.load for engine in engine_pair] == [FEW + 2, 0]
        tasks.append(asyncio.create_task(answer(crew, request(4))))
        tasks.append(asyncio.create_task(answer(crew, request(4), request(4))))
        tasks.append(asyncio.create_task(answer(crew, request(4, beam_size=2))))
        await asyncio.sleep(0)
        assert [engine.load for engine in engine_pair] == [FEW + 2, 5]
        left.go(FEW + 2)
        right.go(FEW)
        await asyncio.gather(*tasks)


async def test_where_rows_cost_as_much_together_the_idlest_engine_gets_each() -> None:
    left, right = Gated(), Gated()
    async with engines(left, right) as crew:
        shared = Crew(crew, few=1)
        with shared.decoding([request(4)]):
            assert [engine.load for engine in crew] == [1, 0]
            with shared.decoding([request(4)]):
                assert [engine.load for engine in crew] == [1, 1]
                with shared.decoding([request(4, beam_size=3)]):
                    assert [engine.load for engine in crew] == [4, 1]
                    with shared.decoding([request(4) for _ in range(5)]):
                        assert [engine.load for engine in crew] == [5, 5]
        left.go(9)
        right.go(9)


async def test_lone_texts_that_come_at_once_are_refused_by_none_if_one_has_room() -> (
    None
):
    left, right = Gated(), Gated()
    async with engines(left, right, waiting=FEW) as engine_pair:
        crew = Crew(engine_pair, few_lone=3 * FEW)
        # With four on its rows, and not more waiting than may, one has twelve at most.
        answers = [answer(crew, request(4)) for _ in range(2 * FEW)]
        left.go(99)
        right.go(99)

        assert await asyncio.gather(*answers) == [[(4,)]] * (2 * FEW)

    assert right.steps


async def test_a_wide_beam_counts_for_as_many_as_it_is() -> None:
    left, right = Gated(), Gated()
    async with engines(left, right) as crew:
        texts = [request(4, beam_size=4) for _ in range(4)]
        task = asyncio.create_task(answer(Crew(crew), *texts))
        await asyncio.sleep(0)
        assert [engine.load for engine in crew] == [8, 8]
        left.go(2)
        right.go(2)
        await task

        assert [engine.load for engine in crew] == [0, 0]


async def test_a_call_that_one_engine_refuses_leaves_nothing_with_the_others() -> None:
    left, right = Gated(), Gated()
    async with engines(left, right) as crew:
        await crew[1].stop()
        with pytest.raises(Unavailable):
            await answer(Crew(crew), *(request(4) for _ in range(30)))

        assert [engine.load for engine in crew] == [0, 0]
        left.go(9)


async def test_a_full_engine_with_little_to_do_is_passed_by() -> None:
    left, right = Gated(), Gated()
    async with engines(left, right, waiting=1) as crew:
        # One beam on the rows and one that waits: fewer than FEW rows.
        with crew[0].decoding([request(4, beam_size=4), request(4, beam_size=3)]):
            while crew[0].state().waiting_texts != 1:
                await asyncio.sleep(0.01)
            with Crew(crew).decoding([request(4)]):
                assert [each.load for each in crew] == [7, 1]
        left.go(9)
        right.go(9)


async def test_whoever_has_room_gets_what_others_would_refuse() -> None:
    left, right = Gated(), Gated()
    async with engines(left, right, waiting=3) as crew:
        # The left one has fewer rows to fill, and more texts that wait.
        narrow = [request(4, beam_size=2) for _ in range(5)]
        wide = [request(4, beam_size=4) for _ in range(3)]
        with crew[0].decoding(narrow), crew[1].decoding(wide):
            while [each.state().waiting_texts for each in crew] != [3, 2]:
                await asyncio.sleep(0.01)
            with Crew(crew).decoding([request(4)]):
                assert [each.load for each in crew] == [10, 13]
        left.go(9)
        right.go(9)


async def test_there_is_room_as_long_as_one_engine_has_some() -> None:
    left, right = Gated(), Gated()
    async with engines(left, right, waiting=1) as crew:
        # Two each: whether the first is on the rows by then or not, one waits.
        beams = [request(4, beam_size=4) for _ in range(2)]
        with crew[0].decoding(beams):
            Crew(crew).check_room()
            more = [request(4, beam_size=4) for _ in range(2)]
            with crew[1].decoding(more), pytest.raises(Overloaded, match="waiting"):
                Crew(crew).check_room()
        left.go(9)
        right.go(9)


@pytest.mark.parametrize("taken", range(FEW + 2))
@pytest.mark.parametrize("widths", [[1], [1] * FEW, [1, 4], [4, 1, 4], [2, 2, 2, 2]])
async def test_a_call_that_fits_is_shared_out_as_text_by_text(
    taken: int, widths: list[int]
) -> None:
    """Where the first engine gets all of it, which is found out at once."""
    asked = [request(4, beam_size=each) for each in widths]
    async with engines(Gated(), Gated()) as pair:
        crew = Crew(pair)
        with pair[0].decoding([request(each) for each in range(taken)]):
            shares = crew._shares(asked, ANYBODY)
            with crew.decoding(asked):
                loads = [engine.load for engine in pair]

    assert loads == [
        taken + sum(each.num_rows for each in shares[0]),
        sum(each.num_rows for each in shares[1]),
    ]
