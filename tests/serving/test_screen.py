"""Rough scores and a few exact ones choose what exact scores choose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from onnxlate.candidates import FOLDS
from onnxlate.search import Floats
from onnxlate_serving.screen import WORTH_IT, Screen, within_reach

WIDTH = 8


def screen(weight: Floats, decoded: Floats, error: Floats) -> Screen:
    """One whose decoder has just said so."""
    made = Screen(weight, len(decoded))
    made._error[:] = error
    made._decoded[:] = decoded
    return made


@st.composite
def rough_scores(draw: st.DrawFn) -> tuple[Floats, Floats, Floats]:
    """Exact ones, rough ones, and how far those may be off."""
    rows = draw(st.integers(1, 4))
    vocabulary = draw(st.sampled_from([1, 3, FOLDS - 1, FOLDS, FOLDS + 1, 100]))
    numbers = st.floats(-8, 8, width=16)
    exact = draw(arrays(np.float32, (rows, vocabulary), elements=numbers))
    error = draw(arrays(np.float32, rows, elements=st.floats(0, 4, width=16)))
    share = draw(
        arrays(np.float32, (rows, vocabulary), elements=st.floats(-1, 1, width=16))
    )
    return exact, exact + share * error[:, None], error


@given(rough_scores())
def test_the_highest_is_always_within_reach(
    case: tuple[Floats, Floats, Floats],
) -> None:
    exact, rough, error = case

    rows, tokens = within_reach(rough, error * np.float32(1.001) + np.float32(1e-5))

    assert (np.diff(rows) >= 0).all()
    for row, highest in enumerate(exact.argmax(axis=1)):
        assert highest in tokens[rows == row]


@given(rough_scores())
def test_nothing_else_is_looked_at(case: tuple[Floats, Floats, Floats]) -> None:
    _, rough, error = case

    rows, tokens = within_reach(rough, error)

    least = rough.max(axis=1) - 2 * error
    assert len(rows) == (rough >= least[:, None]).sum()
    assert (rough[rows, tokens] >= least[rows]).all()


@pytest.mark.parametrize("vocabulary", [20, 200, 1000])
@pytest.mark.parametrize("error", [0.0, 0.3, 50.0])
def test_it_chooses_as_exact_scores_do(vocabulary: int, error: float) -> None:
    draw = np.random.default_rng(vocabulary)
    weight = draw.standard_normal((vocabulary, WIDTH), np.float32)
    decoded = draw.standard_normal((50, WIDTH), np.float32)
    exact = decoded @ weight.T
    off = draw.uniform(-error, error, exact.shape).astype(np.float32)
    ours = screen(weight, decoded, np.full(50, 1.01 * error, np.float32))

    for rough in (True, False):
        chosen = ours.highest(exact + off, rough)
        np.testing.assert_array_equal(chosen, exact.argmax(axis=1))


def test_the_smaller_of_equals_is_chosen() -> None:
    weight = np.ones((100, WIDTH), np.float32)
    decoded = np.ones((2, WIDTH), np.float32)
    rough = np.zeros((2, 100), np.float32)
    rough[:, 70] = 0.1  # the highest, but for what is lost in it
    ours = screen(weight, decoded, np.full(2, 0.1, np.float32))

    assert ours.highest(rough, rough=True).tolist() == [0, 0]
    assert ours.highest(rough, rough=False).tolist() == [0, 0]


def test_a_row_without_numbers_disturbs_no_other() -> None:
    draw = np.random.default_rng(5)
    weight = draw.standard_normal((100, WIDTH), np.float32)
    decoded = draw.standard_normal((3, WIDTH), np.float32)
    exact = decoded @ weight.T
    ours = screen(weight, decoded, np.full(3, 0.1, np.float32))
    rough = exact.copy()
    rough[1] = np.nan

    chosen = ours.highest(rough, rough=True)

    assert chosen[[0, 2]].tolist() == exact[[0, 2]].argmax(axis=1).tolist()
    assert 0 <= chosen[1] < 100


def test_who_wins_a_close_race_does_not_depend_on_the_company() -> None:
    """Twenty tokens that differ by rounding only, alone and among others."""
    draw = np.random.default_rng(6)
    weight = draw.standard_normal((100, 512), np.float32)
    decoded = draw.standard_normal((40, 512), np.float32)
    weight[50:70] = decoded[7] * (1 + draw.uniform(-1e-7, 1e-7, (20, 512)))
    together = screen(weight, decoded, np.full(40, 0.5, np.float32))
    alone = screen(weight, decoded[7:8], np.full(1, 0.01, np.float32))
    exact = decoded @ weight.T
    off = draw.uniform(-0.4, 0.4, exact.shape).astype(np.float32)

    chosen = together.highest(exact + off, rough=True)[7]

    assert 50 <= chosen < 70
    assert alone.highest(exact[7:8], rough=False)[0] == chosen


def test_few_rows_of_a_small_vocabulary_are_scored_at_once() -> None:
    weight = np.zeros((1000, WIDTH), np.float32)
    ours = screen(weight, np.zeros((1, WIDTH), np.float32), np.zeros(1, np.float32))

    assert not ours.pays(1)
    assert ours.pays(WORTH_IT // weight.size)


@given(rough_scores(), st.floats(-8, 8, width=16))
def test_what_is_added_to_scores_is_added_to_the_few_exact_ones_too(
    case: tuple[Floats, Floats, Floats], largest: float
) -> None:
    """A token far ahead by its bias alone, and one that is never said."""
    _, rough, error = case
    vocabulary = rough.shape[1]
    bias = np.zeros(vocabulary, np.float32)
    bias[-1], bias[0] = 20 + abs(largest), -1e4
    weight, decoded = np.ones((vocabulary, WIDTH)), np.ones((len(rough), WIDTH))
    made = Screen(weight.astype(np.float32), len(decoded), bias)
    made._error[:] = np.maximum(error, 1e5)
    made._decoded[:] = decoded

    assert (made.highest(rough + bias, rough=True) == vocabulary - 1).all()
