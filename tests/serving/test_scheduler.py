import pytest

from onnxlate.errors import InvalidRequest, Overloaded
from onnxlate.search import SearchOptions
from onnxlate_serving.config import SchedulerConfig
from onnxlate_serving.request import Request
from onnxlate_serving.scheduler import LATE, Scheduler
from onnxlate_serving.step import Step
from onnxlate_serving.turns import MEMORY, Turns


def request(words: int = 3, beam: int = 1) -> Request:
    options = SearchOptions(max_target_tokens=10, beam_size=beam)
    return Request(source_ids=tuple(range(words)), options=options)


def test_a_newcomer_joins_between_two_tokens_of_a_running_request() -> None:
    scheduler = Scheduler(SchedulerConfig(max_rows=2))
    early, late = request(), request()

    scheduler.add([early])
    assert scheduler.schedule() == Step(encode=(early,), decode=(early,))

    scheduler.add([late])
    assert scheduler.schedule() == Step(encode=(late,), decode=(early, late))


def test_finishing_gives_the_rows_to_whoever_waited_longest() -> None:
    scheduler = Scheduler(SchedulerConfig(max_rows=1))
    first, second, third = request(), request(), request()
    for each in (first, second, third):
        scheduler.add([each])

    assert scheduler.schedule().decode == (first,)
    scheduler.finish(first)
    assert scheduler.schedule() == Step(encode=(second,), decode=(second,))


def test_a_wide_beam_at_the_head_is_not_overtaken() -> None:
    scheduler = Scheduler(SchedulerConfig(max_rows=4))
    running, wide, narrow = request(beam=2), request(beam=4), request()
    scheduler.add([running])
    scheduler.schedule()
    scheduler.add([wide])
    scheduler.add([narrow])

    assert scheduler.schedule().encode == ()


def test_a_request_that_leaves_the_queue_is_never_decoded() -> None:
    scheduler = Scheduler(SchedulerConfig(max_rows=1))
    running, impatient, patient = request(), request(), request()
    scheduler.add([running, impatient, patient])
    scheduler.schedule()

    scheduler.finish(impatient)
    scheduler.finish(running)

    assert scheduler.schedule().decode == (patient,)


def test_finishing_twice_is_finishing_once() -> None:
    scheduler = Scheduler(SchedulerConfig(max_rows=1))
    only = request()
    scheduler.add([only])
    scheduler.schedule()

    scheduler.finish(only)
    scheduler.finish(only)

    assert not scheduler.schedule()
    assert scheduler.num_rows == 0


def test_the_encoder_is_not_given_more_than_it_may_take_at_once() -> None:
    scheduler = Scheduler(SchedulerConfig(max_encode_tokens=10))
    short, long, late = request(3), request(5), request(5)
    scheduler.add([short, long, late])

    assert scheduler.schedule().encode == (short, long)
    assert scheduler.schedule().encode == (late,)


def test_who_decodes_waits_for_few_newcomers_at_a_time() -> None:
    scheduler = Scheduler(SchedulerConfig(max_joining_tokens=10))
    scheduler.add([request()])
    scheduler.schedule()
    crowd = [request(4) for _ in range(5)]
    scheduler.add(crowd)

    steps = [scheduler.schedule() for _ in range(3)]

    assert [len(step.encode) for step in steps] == [2, 2, 1]


def test_a_source_longer_than_any_encoder_batch_goes_alone() -> None:
    scheduler = Scheduler(SchedulerConfig(max_encode_tokens=10, max_joining_tokens=10))
    long, short = request(50), request()
    scheduler.add([long, short])

    assert scheduler.schedule().encode == (long,)
    assert scheduler.schedule().encode == (short,)


def test_a_full_queue_refuses_a_call_and_keeps_what_it_has() -> None:
    scheduler = Scheduler(SchedulerConfig(max_rows=1, max_waiting=2))
    scheduler.add([request(), request()])

    with pytest.raises(Overloaded, match="2 texts are waiting"):
        scheduler.add([request()])

    assert scheduler.num_waiting == 2


def test_a_call_larger_than_the_room_left_is_taken_as_a_whole() -> None:
    scheduler = Scheduler(SchedulerConfig(max_rows=1, max_waiting=2))
    scheduler.add([request()])

    scheduler.add([request() for _ in range(5)])

    assert scheduler.num_waiting == 6


def test_a_beam_wider_than_the_batch_is_refused_at_once() -> None:
    scheduler = Scheduler(SchedulerConfig(max_rows=4))

    with pytest.raises(InvalidRequest, match="beam_size is 5"):
        scheduler.add([request(), request(beam=5)])

    assert scheduler.num_waiting == 0


def test_those_of_a_failed_step_start_again_in_halves_and_apart() -> None:
    scheduler = Scheduler(SchedulerConfig(max_rows=8))
    one, two, three, late = (request() for _ in range(4))
    scheduler.add([one, two, three])
    failed = scheduler.schedule()
    scheduler.add([late])

    scheduler.part(failed.decode)

    assert scheduler.num_waiting == 4
    assert scheduler.schedule() == Step(encode=(one,), decode=(one,))
    assert scheduler.schedule() == Step(encode=(), decode=(one,))
    scheduler.finish(one)
    assert scheduler.schedule() == Step(encode=(two, three), decode=(two, three))
    scheduler.finish(two)
    assert scheduler.schedule() == Step(encode=(), decode=(three,))
    scheduler.finish(three)
    assert scheduler.schedule() == Step(encode=(late,), decode=(late,))
    scheduler.finish(late)
    assert not scheduler.schedule()
    assert scheduler.num_rows == 0


def test_a_suspect_that_leaves_is_not_waited_for() -> None:
    scheduler = Scheduler(SchedulerConfig(max_rows=8))
    one, two, late = (request() for _ in range(3))
    scheduler.add([one, two])
    scheduler.part(scheduler.schedule().decode)
    scheduler.add([late])

    scheduler.finish(one)
    scheduler.finish(two)

    assert scheduler.schedule() == Step(encode=(late,), decode=(late,))


def test_waiting_is_bounded_in_tokens_too() -> None:
    scheduler = Scheduler(SchedulerConfig(max_rows=1, max_waiting_tokens=10))
    scheduler.add([request(words=8)])
    scheduler.add([request(words=20)])  # there was room, so it is taken whole
    with pytest.raises(Overloaded, match="28 tokens are waiting"):
        scheduler.add([request(words=1)])

    scheduler.finish(scheduler.schedule().decode[0])  # 8 of them
    with pytest.raises(Overloaded, match="20 tokens"):
        scheduler.add([request(words=1)])
    scheduler.schedule()

    scheduler.add([leaving := request(words=10)])
    scheduler.finish(leaving)
    scheduler.add([request(words=1)])


def test_one_who_has_filled_the_queue_keeps_nobody_else_out() -> None:
    scheduler = Scheduler(SchedulerConfig(max_rows=1, max_waiting=4))
    scheduler.add([request() for _ in range(6)], "greedy")
    with pytest.raises(Overloaded):
        scheduler.add([request()], "greedy")

    scheduler.add([request()], "modest")

    scheduler.add([request()], "third")  # eight wait now, twice the bound
    with pytest.raises(Overloaded):
        scheduler.add([request()], "fourth")


def test_waiting_is_bounded_in_seconds_where_that_is_asked_for() -> None:
    scheduler = Scheduler(SchedulerConfig(max_rows=2, max_waiting_seconds=3))
    scheduler.add([request(beam=2)])
    scheduler.schedule()
    scheduler.add([request(words=3, beam=2), request(words=5), request(words=1)])

    scheduler.check_room()  # nobody knows yet how long they will take
    # (2 * 3 + 5 + 1) / 2 are six tokens, in the mean.
    scheduler.check_room(seconds_a_token=0.49 / LATE)
    with pytest.raises(Overloaded, match=r"1\.5 s of work are waiting"):
        scheduler.add([request()], seconds_a_token=0.51 / LATE)

    scheduler.add([request()], "another", seconds_a_token=0.51 / LATE)


def test_rows_that_no_wide_beam_fits_into_count_for_nothing() -> None:
    scheduler = Scheduler(SchedulerConfig(max_rows=8, max_waiting_seconds=3))
    scheduler.add([request(beam=5)])
    scheduler.schedule()
    scheduler.add([request(words=2, beam=5) for _ in range(3)])

    scheduler.check_room(seconds_a_token=0.49 / LATE)  # one at a time
    with pytest.raises(Overloaded):
        scheduler.check_room(seconds_a_token=0.51 / LATE)


def test_whoever_fits_into_free_rows_does_not_count_as_waiting() -> None:
    scheduler = Scheduler(SchedulerConfig(max_rows=8, max_waiting_seconds=3))
    scheduler.add([request(words=6) for _ in range(8)])
    scheduler.check_room(seconds_a_token=100)

    scheduler.add([request(words=6) for _ in range(4)])
    # A third of 12 * 6 tokens, on eight rows.
    scheduler.check_room(seconds_a_token=0.99 / LATE)
    with pytest.raises(Overloaded):
        scheduler.check_room(seconds_a_token=1.01 / LATE)


def test_how_long_rows_are_kept_goes_by_the_latest_and_by_their_length() -> None:
    turns = Turns()
    assert turns.seconds == turns.seconds_a_token == 0

    turns.note(2.0, 10)
    assert (turns.seconds, turns.seconds_a_token) == (2.0, 0.2)

    # The first few all count alike, though the first of all takes longest.
    turns.note(1.0, 20)
    turns.note(1.5, 30)
    assert turns.seconds == pytest.approx(1.5)
    assert turns.seconds_a_token == pytest.approx(1.5 / 20)
    for _ in range(200):
        turns.note(1.0, 20)
    assert turns.seconds_a_token == pytest.approx(0.05, rel=0.01)
    turns.note(2.0, 20)
    assert turns.seconds == pytest.approx(1 + MEMORY, rel=0.01)
