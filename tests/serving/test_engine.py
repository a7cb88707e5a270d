import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from onnxlate.errors import DeadlineExceeded, Overloaded, ServerFailure, Unavailable
from onnxlate.search import SearchOptions
from onnxlate_serving.caller import Caller
from onnxlate_serving.config import SchedulerConfig
from onnxlate_serving.engine import Engine, Runner
from onnxlate_serving.piece import Piece
from onnxlate_serving.request import Request
from onnxlate_serving.scheduler import Scheduler

from .doubles import (
    Allergic,
    Echo,
    Gated,
    GatedAllergic,
    GatedLatelyAllergic,
    LatelyAllergic,
)


def request(*source_ids: int) -> Request:
    return Request(source_ids, SearchOptions(max_target_tokens=1000), streamed=True)


@asynccontextmanager
async def running(
    runner: Runner, rows: int = 8, waiting: int = 100
) -> AsyncIterator[Engine]:
    config = SchedulerConfig(max_rows=rows, max_waiting=waiting)
    engine = Engine(Scheduler(config), runner)
    engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


async def answer(engine: Engine, *requests: Request) -> list[tuple[int, ...]]:
    with engine.decoding(requests) as outboxes:
        return [(await outbox.outcome())[0].tokens for outbox in outboxes]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_one_call_has_its_texts_decoded_side_by_side() -> None:
    echo = Echo()
    async with running(echo) as engine:
        said = await answer(engine, request(4), request(5, 6), request(7, 8, 9))

    assert said == [(4,), (5, 6), (7, 8, 9)]
    assert [len(step.decode) for step in echo.steps] == [3, 2, 1]


async def test_calls_that_arrive_together_share_the_first_step() -> None:
    echo = Echo()
    async with running(echo) as engine:
        await asyncio.gather(answer(engine, request(4)), answer(engine, request(5)))

    assert len(echo.steps) == 1


async def test_a_newcomer_joins_between_two_tokens() -> None:
    gated = Gated()
    early, late = request(4, 5, 6), request(7)
    async with running(gated) as engine:
        first = asyncio.create_task(answer(engine, early))
        gated.go()
        await until(lambda: len(gated.steps) == 1)
        second = asyncio.create_task(answer(engine, late))
        await asyncio.sleep(0.05)
        gated.go(3)

        assert await second == [(7,)]
        assert await first == [(4, 5, 6)]

    # The second step was already decided when the newcomer came.
    assert [step.encode for step in gated.steps] == [(early,), (), (late,)]
    assert gated.steps[2].decode == (early, late)


async def test_hanging_up_frees_the_row_for_the_next_step() -> None:
    gated = Gated()
    endless, next_one = request(*range(1000)), request(4)
    async with running(gated, rows=1) as engine:
        with engine.decoding([endless]) as (outbox,):
            gated.go()
            await outbox.get()
        task = asyncio.create_task(answer(engine, next_one))
        gated.go(2)

        assert await asyncio.wait_for(task, timeout=5) == [(4,)]

    assert [step.decode for step in gated.steps][-1] == (next_one,)
    assert len(gated.steps) <= 3


async def test_a_cancelled_task_leaves_the_queue_too() -> None:
    gated = Gated()
    async with running(gated, rows=1) as engine:
        running_one = asyncio.create_task(answer(engine, request(4, 5)))
        waiting = asyncio.create_task(answer(engine, request(6)))
        await asyncio.sleep(0.02)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        gated.go(2)

        assert await running_one == [(4, 5)]

    assert len(gated.steps) == 2


async def test_who_makes_a_step_fail_fails_alone() -> None:
    allergic = Allergic(token=13)
    texts = [(4, 5), (6, 7), (8, 13), (9,), (10, 11), (12, 14), (15, 16)]
    async with running(allergic, rows=4) as engine:
        results = await asyncio.gather(
            *(answer(engine, request(*ids)) for ids in texts), return_exceptions=True
        )
        later = await answer(engine, request(4))

    poisoned = results.pop(2)
    assert isinstance(poisoned, ServerFailure)
    assert Allergic.WORDS not in str(poisoned)
    assert results == [[ids] for ids in texts if 13 not in ids]
    assert later == [(4,)]
    # Four, then two of them, then one.
    assert allergic.resets == 3


async def test_what_was_streamed_before_a_failure_is_not_said_twice() -> None:
    late = LatelyAllergic(after=3)
    async with running(late) as engine:
        bad = request(13, 4, 5, 6, 7)
        with engine.decoding([request(1, 2, 3, 4, 5, 6), bad]) as (good, poisoned):
            said: list[int] = []
            while True:
                piece = await good.get()
                said += piece.tokens
                if piece.hypotheses:
                    break
            with pytest.raises(ServerFailure):
                await poisoned.outcome()

    assert said == [1, 2, 3, 4, 5, 6]
    assert piece.hypotheses[0].tokens == (1, 2, 3, 4, 5, 6)


async def test_nor_if_another_failure_comes_before_all_of_it_was_said_again() -> None:
    late = GatedLatelyAllergic(after=3)
    first, second = request(*range(20, 60)), request(*range(60, 80))
    async with running(late) as engine:
        with engine.decoding([first, second]) as (_, outbox):
            late.go(5)
            await until(lambda: len(late.steps) == 5)
            # The next step is decided already. When the newcomer fails, and those two
            # halves begin again, it is beside the second, which has said more than it.
            poisoned = asyncio.create_task(answer(engine, request(13, *range(9))))
            await asyncio.sleep(0.05)
            late.go(100)
            said: list[int] = []
            while True:
                piece = await outbox.get()
                said += piece.tokens
                if piece.hypotheses:
                    break
            with pytest.raises(ServerFailure):
                await poisoned

    assert said == [*range(60, 80)]


async def test_suspects_whose_callers_leave_are_not_tried_again() -> None:
    gated = GatedAllergic()
    leaving, bad, other = request(4, 5), request(13), request(6)
    async with running(gated) as engine:
        first = asyncio.create_task(answer(engine, leaving))
        poisoned = asyncio.create_task(answer(engine, bad))
        waiting = asyncio.create_task(answer(engine, other))
        await asyncio.sleep(0.02)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        gated.go(9)

        assert await waiting == [(6,)]
        with pytest.raises(ServerFailure):
            await poisoned

    tried = [step.decode for step in gated.steps if leaving in step.decode]
    assert len(tried) <= 1


async def test_a_runner_that_nothing_can_be_decoded_with_is_dead() -> None:
    probe = request(1)
    for token, dies in ((13, False), (1, True)):
        # It cannot bear what is asked for, or not even the probe.
        allergic = Allergic(token)
        engine = Engine(Scheduler(SchedulerConfig()), allergic, probe=probe)
        engine.start()
        try:
            with pytest.raises((ServerFailure, Unavailable)):
                await answer(engine, request(token))
            if dies:
                await asyncio.wait_for(engine.dead.wait(), timeout=5)
            else:
                assert await answer(engine, request(4)) == [(4,)]
            assert engine.dead.is_set() == dies
        finally:
            await engine.stop()


async def test_an_engine_that_hangs_is_noticed_and_given_up() -> None:
    gated = Gated()
    async with running(gated) as engine:
        assert engine.seconds_at_step == 0
        task = asyncio.create_task(answer(engine, request(4)))
        await until(lambda: engine.seconds_at_step > 0.05)
        engine.abandon()

        with pytest.raises(Unavailable):
            await task
        assert engine.dead.is_set()
        gated.go()
        await until(lambda: engine.seconds_at_step == 0)


async def test_one_that_is_given_up_beside_it_has_no_thread_any_more() -> None:
    async with running(Echo()) as engine:
        assert await answer(engine, request(4)) == [(4,)]

        engine.abandon()

        await asyncio.to_thread(engine._thread.join, 5)
        assert not engine._thread.is_alive()


async def test_a_report_that_fails_keeps_no_other_one_waiting() -> None:
    def fail(piece: Piece) -> None:
        raise RuntimeError("too bad")

    gated = Gated()
    async with running(gated) as engine:
        with engine.decoding([request(4), request(5, 6)]) as (lost, outbox):
            lost.put = fail  # type: ignore[method-assign]
            gated.go(2)
            # Both steps are over before the event loop hears of either.
            engine._thread.join(0.2)

            async with asyncio.timeout(5):
                assert (await outbox.outcome())[0].tokens == (5, 6)


async def test_who_cannot_be_served_in_time_is_refused_at_once() -> None:
    gated = Gated()
    async with running(gated, rows=1) as engine:
        first = asyncio.create_task(answer(engine, request(4)))
        await asyncio.sleep(0.2)
        gated.go()
        assert await first == [(4,)]

        # One takes the row and two wait: two turns of 0.2 s to come.
        calls = [asyncio.create_task(answer(engine, request(n))) for n in (5, 6, 7)]
        await asyncio.sleep(0.02)
        with (
            pytest.raises(DeadlineExceeded, match=r"in about \d\.\d s"),
            engine.decoding([request(8)], Caller(seconds_left=0.1)),
        ):
            pass
        with engine.decoding([request(9)], Caller(seconds_left=10)) as (outbox,):
            gated.go(4)
            assert (await outbox.outcome())[0].tokens == (9,)
        assert [await call for call in calls] == [[(5,)], [(6,)], [(7,)]]
    assert len(gated.steps) == 5


async def test_a_slow_reader_gets_fewer_and_larger_pieces() -> None:
    echo = Echo()
    pieces: list[Piece] = []
    async with running(echo) as engine:
        with engine.decoding([request(*range(100))]) as (outbox,):
            await until(lambda: len(echo.steps) == 100)
            while not pieces or not pieces[-1].hypotheses:
                pieces.append(await outbox.get())

    assert [token for piece in pieces for token in piece.tokens] == [*range(100)]
    assert len(pieces) <= 2


async def test_a_full_engine_refuses_without_disturbing_anyone() -> None:
    gated = Gated()
    async with running(gated, rows=1, waiting=1) as engine:
        first = asyncio.create_task(answer(engine, request(4)))
        await asyncio.sleep(0.02)
        second = asyncio.create_task(answer(engine, request(5)))
        await asyncio.sleep(0.02)
        with pytest.raises(Overloaded):
            await answer(engine, request(6))
        gated.go(2)

        assert [await first, await second] == [[(4,)], [(5,)]]


async def test_without_room_nobody_is_told_of_their_time() -> None:
    gated = Gated()
    async with running(gated, rows=1, waiting=1) as engine:
        first = asyncio.create_task(answer(engine, request(4)))
        await asyncio.sleep(0.2)
        gated.go()
        assert await first == [(4,)]

        # They would wait for 0.2 s, but may not wait at all.
        with engine.decoding([request(5), request(6), request(7)]):
            await asyncio.sleep(0.02)
            for seconds_left in (0.1, 10, None):
                with (
                    pytest.raises(Overloaded),
                    engine.decoding([request(8)], Caller(seconds_left=seconds_left)),
                ):
                    pass
        gated.go()


async def test_stopping_tells_who_still_waits() -> None:
    gated = Gated()
    async with running(gated) as engine:
        task = asyncio.create_task(answer(engine, request(4, 5, 6)))
        await asyncio.sleep(0.02)
        gated.go()
        await engine.stop()

        with pytest.raises(Unavailable):
            await task
        with pytest.raises(Unavailable):
            await answer(engine, request(4))
