"""Rows are tested with words in them: what a copy does to a list of words is plain."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from onnxlate.search import SearchOptions
from onnxlate_serving.request import Request
from onnxlate_serving.rows import RowCopy, Rows


def request() -> Request:
    return Request(source_ids=(), options=SearchOptions(max_target_tokens=1))


def three_rows() -> tuple[Rows, list[Request]]:
    rows = Rows()
    requests = [request(), request(), request()]
    for each in requests:
        rows.join(each)
    return rows, requests


def test_who_leaves_is_replaced_by_the_last() -> None:
    rows, (first, middle, last) = three_rows()

    copies = rows.rearrange({first: (0,), last: (0,)})

    assert copies == [RowCopy(source=2, destination=1, whole=True)]
    assert (rows.of(first), rows.of(last), len(rows)) == ([0], [1], 2)
    assert middle not in list(rows)


def test_when_the_last_leaves_nothing_moves() -> None:
    rows, (first, middle, _) = three_rows()

    assert rows.rearrange({first: (0,), middle: (0,)}) == []
    assert len(rows) == 2


def test_a_beam_opens_on_the_rows_of_who_has_just_left() -> None:
    rows, (_, beam, other) = three_rows()

    copies = rows.rearrange({beam: (0, 0, 0), other: (0,)})

    assert rows.of(beam) == [1, 0, 3]
    assert copies == [RowCopy(1, 0, whole=True), RowCopy(1, 3, whole=True)]
    assert len(rows) == 4


def test_a_hypothesis_with_one_child_stays_where_it_is() -> None:
    rows = Rows()
    beam = request()
    rows.join(beam)
    rows.rearrange({beam: (0, 0, 0)})

    assert rows.rearrange({beam: (2, 0, 1)}) == []
    assert rows.of(beam) == [2, 0, 1]


def test_the_second_child_takes_the_row_that_nobody_continues() -> None:
    rows = Rows()
    beam = request()
    rows.join(beam)
    rows.rearrange({beam: (0, 0, 0)})

    copies = rows.rearrange({beam: (1, 1, 0)})

    assert copies == [RowCopy(source=1, destination=2, whole=False)]
    assert rows.of(beam) == [1, 2, 0]


@given(st.data())
def test_every_hypothesis_finds_its_past_and_its_source(data: st.DataObject) -> None:
    """Any history of joining, branching, shrinking and leaving, against plain lists."""
    rows = Rows()
    pasts: list[str] = []
    sources: list[str] = []
    expected: dict[Request, list[str]] = {}
    for turn in range(data.draw(st.integers(1, 6))):
        for number in range(data.draw(st.integers(0, 3))):
            newcomer, name = request(), f"{turn}.{number}"
            row = rows.join(newcomer)
            pasts[row:], sources[row:] = [name], [name]
            expected[newcomer] = [name]

        parents: dict[Request, Sequence[int]] = {}
        for each, theirs in expected.items():
            some = st.lists(st.integers(0, len(theirs) - 1), max_size=4)
            parents[each] = data.draw(some)
        for copy in rows.rearrange(parents):
            for column in (pasts, sources) if copy.whole else (pasts,):
                column.extend(["junk"] * (copy.destination + 1 - len(column)))
                column[copy.destination] = column[copy.source]

        expected = {
            each: [f"{theirs[parent]}>{parent}" for parent in parents[each]]
            for each, theirs in expected.items()
            if parents[each]
        }
        assert set(rows) == set(expected)
        taken = [row for each in rows for row in rows.of(each)]
        assert sorted(taken) == list(range(len(rows)))
        for each, theirs in expected.items():
            for row, past, parent in zip(
                rows.of(each), theirs, parents[each], strict=True
            ):
                assert f"{pasts[row]}>{parent}" == past
                assert sources[row] == past.split(">")[0]
                pasts[row] = past
