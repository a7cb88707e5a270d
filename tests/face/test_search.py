import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxlate.search import (
    FinishReason,
    Floats,
    Hypothesis,
    SearchOptions,
    candidates,
    select,
    start,
)

EOS = 3


class Table:
    """A language model that is a table: logits by the last two tokens."""

    def __init__(self, seed: int, vocabulary: int = 6) -> None:
        draw = np.random.default_rng(seed)
        self.vocabulary = vocabulary
        shape = (vocabulary, vocabulary, vocabulary)
        self.logits = draw.normal(scale=2, size=shape).astype(np.float32)

    def next(self, prefix: tuple[int, ...]) -> Floats:
        last, before = (*reversed(prefix), 2, 2)[:2]
        row: Floats = self.logits[before, last]
        return row

    def log_prob(self, tokens: tuple[int, ...]) -> float:
        total = 0.0
        for at, token in enumerate(tokens):
            row = self.next(tokens[:at]).astype(np.float64)
            total += row[token] - np.log(np.exp(row).sum())
        return total


def decode(table: Table, *options: SearchOptions) -> list[list[Hypothesis]]:
    """All of them as one batch, each leaving when it is done."""
    searches = [start(each, EOS) for each in options]
    prefixes: list[list[tuple[int, ...]]] = [[()] for _ in searches]
    said: list[tuple[int, ...]] = [() for _ in searches]
    live = list(range(len(searches)))
    while live:
        logits = np.stack([table.next(p) for i in live for p in prefixes[i]])
        num_rows = [len(prefixes[i]) for i in live]
        advances = select([searches[i] for i in live], num_rows, logits)
        for i, advance in zip(live, advances, strict=True):
            pairs = zip(advance.parents, advance.tokens, strict=True)
            prefixes[i] = [(*prefixes[i][parent], token) for parent, token in pairs]
            stable = searches[i].stable_prefix()
            assert stable[: len(said[i])] == said[i], "a prefix was taken back"
            said[i] = stable
        live = [i for i in live if prefixes[i]]
    found = [search.hypotheses() for search in searches]
    assert all(s == f[0].tokens for s, f in zip(said, found, strict=True))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_as_wide_as_the_space_finds_the_best_there_is(seed: int) -> None:
    table = Table(seed, vocabulary=5)
    words = [token for token in range(5) if token != EOS]
    ended = [
        (*words_, EOS)
        for length in range(4)
        for words_ in itertools.product(words, repeat=length)
    ]
    best = max(ended, key=lambda each: table.log_prob(each) / len(each))

    [[found, *_]] = decode(
        table, SearchOptions(max_target_tokens=4, beam_size=200, num_hypotheses=3)
    )

    assert (*found.tokens, EOS) == best
    assert found.log_prob == pytest.approx(table.log_prob(best), abs=1e-4)
    assert found.score == pytest.approx(found.log_prob / len(best))


def test_greedy_takes_the_likeliest_token_and_the_smaller_id_of_equals() -> None:
    logits = np.array([[0, 5, 5, 1], [9, 1, 1, 1]], np.float32)

    assert candidates(logits, 1, with_scores=False)[0].tolist() == [[1], [0]]
    assert candidates(logits, 2, with_scores=True)[0].tolist() == [[1, 2], [0, 1]]


def test_greedy_ends_with_the_model_or_at_the_limit() -> None:
    table = Table(0)
    table.logits[:, :, EOS] = -9
    [[cut]] = decode(table, SearchOptions(max_target_tokens=4))
    table.logits[:, :, EOS] = 99
    [[ended]] = decode(table, SearchOptions(max_target_tokens=4))

    assert (len(cut.tokens), cut.finish_reason) == (4, FinishReason.LENGTH)
    assert (ended.tokens, ended.finish_reason) == ((), FinishReason.EOS)


def test_scores_of_greedy_are_the_tokens_log_probabilities() -> None:
    table = Table(1)

    [[found]] = decode(table, SearchOptions(max_target_tokens=5, with_scores=True))

    tokens = found.tokens + (EOS,) * (found.finish_reason is FinishReason.EOS)
    assert found.log_prob == pytest.approx(table.log_prob(tokens), abs=1e-4)


def test_hypotheses_come_best_first_and_unfinished_ones_last() -> None:
    options = SearchOptions(max_target_tokens=6, beam_size=5, num_hypotheses=5)
    for seed in range(20):
        [found] = decode(Table(seed), options)

        ranks = [(h.finish_reason is FinishReason.LENGTH, -h.score) for h in found]
        assert ranks == sorted(ranks)
        assert len({each.tokens for each in found}) == len(found) == 5


@pytest.mark.parametrize("beam_size", [1, 2, 3])
def test_equals_fall_to_the_smaller_token_id_in_every_search(beam_size: int) -> None:
    table = Table(0)
    table.logits[:] = 0
    table.logits[:, :, EOS] = -9

    [found] = decode(
        table,
        SearchOptions(
            max_target_tokens=2, beam_size=beam_size, num_hypotheses=beam_size
        ),
    )

    assert [each.tokens for each in found] == [(0, 0), (0, 1), (0, 2)][:beam_size]


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.lists(st.integers(-2, 2), min_size=6, max_size=6), min_size=1, max_size=4
    ),
    width=st.integers(1, 8),
)
def test_candidates_are_the_best_in_order_whoever_else_is_there(
    rows: list[list[int]], width: int
) -> None:
    logits = np.array(rows, np.float32)

    tokens, scores = candidates(logits, width, with_scores=True)

    for row, ids, log_probs in zip(rows, tokens, scores, strict=True):
        best: list[tuple[int, int]] = sorted(
            (-logit, token) for token, logit in enumerate(row)
        )
        assert ids.tolist() == [token for _, token in best][:width]
        every = np.array(row) - np.log(np.exp(np.array(row, float)).sum())
        np.testing.assert_allclose(log_probs, every[ids], atol=1e-5)


def test_n_best_is_the_head_of_the_beam_and_no_more_than_asked_for() -> None:
    everyone = SearchOptions(max_target_tokens=6, beam_size=4, num_hypotheses=4)
    two = SearchOptions(max_target_tokens=6, beam_size=4, num_hypotheses=2)
    for seed in range(10):
        all_four, best_two = decode(Table(seed), everyone, two)

        assert best_two == all_four[:2]


def test_no_target_is_longer_than_allowed() -> None:
    for seed, limit in itertools.product(range(10), (1, 2, 5)):
        [found] = decode(
            Table(seed),
            SearchOptions(max_target_tokens=limit, beam_size=3, num_hypotheses=3),
        )

        for each in found:
            ended = each.finish_reason is FinishReason.EOS
            assert len(each.tokens) + ended <= limit
            assert ended or len(each.tokens) == limit


wishes = st.builds(
    SearchOptions,
    max_target_tokens=st.integers(1, 8),
    beam_size=st.integers(1, 5),
    length_penalty=st.sampled_from([0.0, 0.6, 1.0, 2.0]),
    with_scores=st.just(True),
)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1000), options=st.lists(wishes, min_size=1, max_size=6))
def test_company_changes_no_outcome(seed: int, options: list[SearchOptions]) -> None:
    table = Table(seed)

    together = decode(table, *options)

    assert together == [decode(table, each)[0] for each in options]
