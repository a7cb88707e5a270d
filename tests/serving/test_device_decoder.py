"""What a device picks of its scores, on the CPU provider, against numpy."""

import numpy as np
import pytest

from onnxlate.candidates import Floats, NumpyLogProbs, likeliest
from onnxlate.search import Wanted
from onnxlate_serving.device_decoder import Pick, in_order

END = 3


def scores(vocabulary: int, step: float) -> Floats:
    """Of nine rows, multiples of the step, so that many are equal."""
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(9, vocabulary)) / step
    return (drawn.round() * step).astype(np.float32)


def pick(given: Floats) -> Pick:
    """Of these scores, on the CPU."""
    found = Pick("cpu", END, *given.shape)
    found.scores.update_inplace(given)
    return found


@pytest.mark.parametrize("width", [1, 10])
@pytest.mark.parametrize("barred", [False, True])
@pytest.mark.parametrize("with_scores", [False, True])
def test_the_best_are_those_that_numpy_finds(
    width: int, barred: bool, with_scores: bool
) -> None:
    given = scores(400, step=1e-3)
    given[4:, END] = 9  # the best by far, where it is allowed
    given[8] = np.arange(0, -400, -1) * 1e-3
    given[8, [7, 9]] = 1e-3, np.nextafter(np.float32(1e-3), 1)  # and rounded as likely
    rows = np.arange(9) < 6 if barred else None
    expected = given.copy()
    if rows is not None:
        expected[rows, END] = -np.inf
    tokens = likeliest(expected, width)

    best = pick(given).best(9, Wanted(width, with_scores, rows))

    assert (best.tokens == tokens).all()
    if with_scores:
        log_probs = NumpyLogProbs().of(expected, tokens)
        assert best.log_probs == pytest.approx(log_probs, abs=1e-5)


def test_there_are_no_more_tokens_than_the_vocabulary_has() -> None:
    given = scores(5, step=1e-3)

    best = pick(given).best(9, Wanted(8, True, None))

    assert (best.tokens == likeliest(given, 5)).all()


def test_what_is_no_number_is_no_choice() -> None:
    given = scores(50, step=1e-3)
    given[2] = np.nan

    with pytest.raises(FloatingPointError, match="no number"):
        pick(given).best(9, Wanted(2, False, None))


def test_of_equal_tokens_the_smaller_comes_first_in_its_row_alone() -> None:
    tokens = np.array([[7, 5, 1], [9, 8, 2]])
    found = np.array([[4, 4, 3], [4, 3, 2]], np.float32)

    ordered, same = in_order(tokens, found)

    assert ordered.tolist() == [[5, 7, 1], [9, 8, 2]]
    assert (same == found).all()
