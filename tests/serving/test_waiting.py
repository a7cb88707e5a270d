from random import Random

from hypothesis import given
from hypothesis import strategies as st

from onnxlate.search import SearchOptions
from onnxlate_serving.request import Request
from onnxlate_serving.waiting import TEXTS_A_TURN, Waiting


def texts(count: int, words: int = 3) -> list[Request]:
    options = SearchOptions(max_target_tokens=10)
    return [Request(tuple(range(words)), options) for _ in range(count)]


def taken(waiting: Waiting, count: int) -> list[Request]:
    return [waiting.take() for _ in range(count)]


def test_small_calls_are_answered_one_after_the_other() -> None:
    waiting = Waiting()
    first, second = texts(3), texts(2)
    waiting.add(first, "a")
    waiting.add(second, "a")

    assert taken(waiting, 5) == first + second
    assert not waiting


def test_a_call_with_many_texts_lets_others_in_between() -> None:
    waiting = Waiting()
    many, few = texts(3 * TEXTS_A_TURN), texts(2)
    waiting.add(many, "a")
    waiting.add(few, "a")

    assert taken(waiting, TEXTS_A_TURN) == many[:TEXTS_A_TURN]
    assert taken(waiting, 2) == few
    assert taken(waiting, 2 * TEXTS_A_TURN) == many[TEXTS_A_TURN:]


def test_a_caller_with_many_calls_has_one_turn() -> None:
    waiting = Waiting()
    calls = [texts(1) for _ in range(100)]
    for call in calls:
        waiting.add(call, "greedy")
    alone = texts(1)
    waiting.add(alone, "modest")

    # The turn is the greedy one's; then it is the other's.
    assert taken(waiting, 2) == calls[0] + alone


def test_whose_turn_it_is_keeps_it_when_others_come_or_go() -> None:
    waiting = Waiting()
    first, second, third = texts(1), texts(1), texts(1)
    waiting.add(first, "a")
    waiting.add(second, "b")
    assert waiting.next() is first[0]

    waiting.add(third, "c")
    waiting.remove(second[0])

    assert second[0] not in waiting
    assert taken(waiting, 2) == first + third


def test_who_waits_for_less_than_the_mean_has_not_its_share() -> None:
    waiting = Waiting()
    waiting.add(texts(9), "a")

    assert waiting.has_its_share("a")
    assert not waiting.has_its_share("b")
    waiting.add(texts(1), "b")
    assert not waiting.has_its_share("b")
    waiting.add(texts(8), "b")
    assert waiting.has_its_share("b")


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.integers(1, 5)),
        max_size=20,
    ),
    st.randoms(),
)
def test_everyone_has_a_turn_once_and_counts_add_up(
    calls: list[tuple[str, int, int]], random: Random
) -> None:
    waiting, inside, out = Waiting(), set[Request](), list[Request]()
    for caller, count, words in calls:
        requests = texts(count, words)
        waiting.add(requests, caller)
        inside |= set(requests)
        for request in requests:
            if random.random() < 0.2:
                waiting.remove(request)
                inside.remove(request)
        if inside and random.random() < 0.5:
            out.append(waiting.take())
            inside.remove(out[-1])
        assert len(waiting) == len(inside) == waiting.num_rows
        assert waiting.num_tokens == sum(len(each.source_ids) for each in inside)

    rest = taken(waiting, len(waiting))

    assert set(rest) == inside
    assert len(rest) == len(inside)
    assert (len(waiting), waiting.num_rows, waiting.num_tokens) == (0, 0, 0)


def test_a_modest_caller_has_little_ahead_of_it_beside_a_bulk_job() -> None:
    waiting = Waiting()
    for _ in range(50):
        waiting.add(texts(100), "bulk")

    assert waiting.rows_ahead("modest") == TEXTS_A_TURN
    assert waiting.rows_ahead("bulk") == 50 * TEXTS_A_TURN
    assert Waiting().rows_ahead("anybody") == 0


@given(
    calls=st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 30)), max_size=12),
    taken_before=st.integers(0, 40),
    caller=st.sampled_from("abcd"),
)
def test_what_is_ahead_is_not_overestimated(
    calls: list[tuple[str, int]], taken_before: int, caller: str
) -> None:
    waiting = Waiting()
    for name, count in calls:
        waiting.add(texts(count), name)
    taken(waiting, min(taken_before, len(waiting)))

    estimate = waiting.rows_ahead(caller)
    new = texts(1)
    waiting.add(new, caller)
    ahead = 0
    while waiting.take() not in new:
        ahead += 1

    # The turn under way may be partly over.
    assert estimate <= ahead + TEXTS_A_TURN
