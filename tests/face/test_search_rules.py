"""Rules of a search: what is required, forbidden, penalised or drawn."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxlate.answer import Sampling
from onnxlate.candidates import Floats, History
from onnxlate.required import Required, Terms
from onnxlate.rules import NoRepeat, RepetitionPenalty
from onnxlate.sampling import drawn
from onnxlate.search import FinishReason, Hypothesis, SearchOptions

from .test_search import EOS, Table, decode

threes = st.tuples(
    st.sampled_from([4, 5]), st.sampled_from([6, 7]), st.sampled_from([6, 7, 8])
)

JOINING = np.array([False, False, False, False, True, True, False, False, False])


@settings(max_examples=50)
@given(
    seed=st.integers(0, 10**6),
    beam_size=st.integers(1, 5),
    required=st.lists(st.sampled_from([5, 6, 7, 8]), min_size=1, max_size=4),
)
def test_what_is_required_is_said_exactly_as_often(
    seed: int, beam_size: int, required: list[int]
) -> None:
    options = SearchOptions(
        max_target_tokens=20,
        beam_size=beam_size,
        num_hypotheses=beam_size,
        required=tuple((each,) for each in required),
    )

    [found] = decode(Table(seed, vocabulary=9), options)

    for each in found:
        said = Counter(each.tokens)
        assert {token: said[token] for token in required} == Counter(required)


@settings(max_examples=50)
@given(
    seed=st.integers(0, 10**6),
    beam_size=st.integers(1, 5),
    required=st.sets(threes, min_size=1, max_size=2),
)
def test_sequences_are_said_whole_within_the_limit(
    seed: int, beam_size: int, required: set[tuple[int, int, int]]
) -> None:
    # As long as they are together, and one for the end: just enough.
    options = SearchOptions(
        max_target_tokens=3 * len(required) + 1,
        beam_size=beam_size,
        required=tuple(required),
    )

    [[best, *_]] = decode(Table(seed, vocabulary=9), options)

    starts = range(0, 3 * len(required), 3)
    assert {best.tokens[at : at + 3] for at in starts} == required


@settings(max_examples=50)
@given(seed=st.integers(0, 10**6), beam_size=st.integers(1, 5))
def test_a_term_is_said_in_one_of_its_forms_as_a_word_of_its_own(
    seed: int, beam_size: int
) -> None:
    terms = Terms(variants=(((6, 4), (7,)), ((8, 5),)), joining=JOINING)
    options = SearchOptions(20, beam_size, num_hypotheses=beam_size, terms=terms)

    [found] = decode(Table(seed, vocabulary=9), options)

    for each in found:
        words = "".join("-+"[int(JOINING[token])] + str(token) for token in each.tokens)
        spoken = words.split("-")
        assert {"6+4", "7"} & set(spoken)
        assert "8+5" in spoken


def test_a_beam_says_what_is_required_where_it_fits_best() -> None:
    table = Table(0, vocabulary=9)
    table.logits[:] = -9
    for before, word in ((2, 6), (6, 7), (7, 6), (8, 6)):
        table.logits[:, before, word] = 5
    table.logits[6, 7, EOS] = table.logits[8, 6, EOS] = 9
    table.logits[:, 6, 8] = 1  # 8 fits behind the first word alone
    table.logits[2, 6, 8] = 4

    [[best, *_]] = decode(table, SearchOptions(9, 4, required=((8,),)))

    assert best.tokens == (6, 8, 6)


def test_demands_that_cannot_be_met_together_end_the_search() -> None:
    for beam_size in (1, 3):
        options = SearchOptions(
            20, beam_size, required=((5, 5, 5),), no_repeat_ngram_size=1
        )

        [[best, *_]] = decode(Table(3, vocabulary=9), options)

        assert isinstance(best, Hypothesis)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_who_has_nothing_left_to_say_ends_before_the_shortest_length(
    beam_size: int,
) -> None:
    class Mute:
        def edit(self, row: Floats, said: History) -> bool:
            if len(said) == 2:
                row[:] = -np.inf
            return False

    options = SearchOptions(
        20, beam_size, with_scores=True, min_target_tokens=9, rules=(Mute(),)
    )

    [[best]] = decode(Table(3, vocabulary=9), options)

    assert len(best.tokens) == 2
    assert best.finish_reason is FinishReason.EOS
    assert -2e4 < best.log_prob < -5e3


def test_progress_tells_words_from_parts_of_words() -> None:
    required = Required((), Terms((((6, 4),),), JOINING))

    assert required.progress([6]).leads == {4: 0, 6: 1}
    assert required.progress([6, 4]).latest_word
    assert not required.progress([6, 4, 8]).unmet
    assert required.progress([6, 4, 5]).unmet  # another word
    assert required.progress([6, 4, 5, 6, 4]).num_met == 1


@settings(max_examples=50)
@given(seed=st.integers(0, 10**6), beam_size=st.integers(1, 4), size=st.integers(1, 3))
def test_no_run_is_said_twice(seed: int, beam_size: int, size: int) -> None:
    table = Table(seed)
    table.logits[:, :, EOS] -= 3
    options = SearchOptions(
        12, beam_size, num_hypotheses=beam_size, no_repeat_ngram_size=size
    )

    [found] = decode(table, options)

    for each in found:
        runs = [each.tokens[at : at + size] for at in range(len(each.tokens))]
        full = [run for run in runs if len(run) == size]
        assert len(full) == len(set(full))


def test_a_penalty_makes_repeats_less_likely_whatever_their_sign() -> None:
    row = np.array([2, -2, 3, -1], np.float32)

    RepetitionPenalty(2).edit(row, np.array([0, 1, 1], np.int32))

    assert row.tolist() == [1, -4, 3, -1]


def test_runs_shorter_than_forbidden_ones_forbid_nothing() -> None:
    row = np.zeros(4, np.float32)
    NoRepeat(3).edit(row, np.array([1, 2], np.int32))
    assert not row.any()

    NoRepeat(3).edit(row, np.array([1, 2, 0, 1, 2], np.int32))
    assert row.tolist() == [-np.inf, 0, 0, 0]


@pytest.mark.parametrize("beam_size", [1, 3])
def test_a_penalty_is_taken_off_the_score(beam_size: int) -> None:
    table = Table(1)
    options = SearchOptions(
        9, beam_size, with_scores=True, repetition_penalty=1.0, no_repeat_ngram_size=9
    )

    [[found, *_]] = decode(table, options)

    tokens = found.tokens + (EOS,) * (found.finish_reason is FinishReason.EOS)
    assert found.log_prob == pytest.approx(table.log_prob(tokens), abs=1e-4)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    beam_size=st.integers(1, 4),
    no_repeat=st.sampled_from([0, 2]),
)
def test_the_tokens_log_probabilities_are_the_models(
    seed: int, beam_size: int, no_repeat: int
) -> None:
    table = Table(seed)
    options = SearchOptions(
        9,
        beam_size,
        num_hypotheses=beam_size,
        with_tokens=True,
        no_repeat_ngram_size=no_repeat,
    )

    [found] = decode(table, options)

    for each in found:
        tokens = each.tokens + (EOS,) * (each.finish_reason is FinishReason.EOS)
        assert len(each.token_log_probs) == len(tokens)
        for at, log_prob in enumerate(each.token_log_probs):
            before, after = (
                table.log_prob(tokens[:at]),
                table.log_prob(tokens[: at + 1]),
            )
            assert log_prob == pytest.approx(after - before, abs=1e-4)


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    row = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))

    def shares(**options: float) -> list[float]:
        count = Counter(
            drawn(row, Sampling(seed=seed, **options), 0, 0)  # type: ignore[arg-type]
            for seed in range(4000)
        )
        return [count[token] / 4000 for token in range(4)]

    assert shares() == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.03)
    assert shares(top_k=2) == pytest.approx([0.625, 0.375, 0, 0], abs=0.03)
    assert shares(top_p=0.7) == pytest.approx([0.625, 0.375, 0, 0], abs=0.03)
    assert shares(top_p=0.81) == pytest.approx([0.526, 0.316, 0.158, 0], abs=0.03)
    assert shares(temperature=0.5) == pytest.approx(
        [0.685, 0.247, 0.062, 0.007], abs=0.03
    )


def test_draws_differ_by_seed_draw_and_step_and_not_by_chance() -> None:
    row = np.zeros(10_000, np.float32)

    tokens = [
        drawn(row, Sampling(seed=seed), draw, step)
        for seed, draw, step in itertools.product(range(5), range(5), range(5))
    ]

    assert len(set(tokens)) > 120
    assert drawn(row, Sampling(seed=4), 4, 4) == tokens[-1]
