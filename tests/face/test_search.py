"""Greedy and beam search: what is found, and that company makes no difference."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxlate.answer import Sampling
from onnxlate.candidates import NumpyLogProbs, along, likeliest
from onnxlate.search import (
    Best,
    FinishReason,
    Floats,
    Hypothesis,
    Searches,
    SearchOptions,
    Turn,
)

EOS = 3

Prefix = tuple[int, ...]


class Model(Protocol):
    def next(self, prefix: Prefix) -> Floats:
        """Logits of the token that follows: (V,)."""


class Table:
    """A language model that is a table: logits by the last two tokens."""

    def __init__(self, seed: int, vocabulary: int = 6) -> None:
        draw = np.random.default_rng(seed)
        self.vocabulary = vocabulary
        shape = (vocabulary, vocabulary, vocabulary)
        self.logits = draw.normal(scale=2, size=shape).astype(np.float32)

    def next(self, prefix: Prefix) -> Floats:
        last, before = (*reversed(prefix), 2, 2)[:2]
        row: Floats = self.logits[before, last]
        return row

    def log_prob(self, tokens: Prefix) -> float:
        total = 0.0
        for at, token in enumerate(tokens):
            row = self.next(tokens[:at]).astype(np.float64)
            total += row[token] - np.log(np.exp(row).sum())
        return total


class Coarse:
    """A language model with few words, and few logits, so that many are equal."""

    def __init__(self, seed: int, vocabulary: int) -> None:
        self.seed, self.vocabulary = seed, vocabulary

    def next(self, prefix: Prefix) -> Floats:
        draw = np.random.default_rng([self.seed, *prefix[-2:]])
        return draw.integers(-1, 2, self.vocabulary).astype(np.float32)


class Wordy:
    """A language model with many words, some of them equally likely."""

    def __init__(self, seed: int, vocabulary: int = 1100) -> None:
        self.seed, self.vocabulary = seed, vocabulary

    def next(self, prefix: Prefix) -> Floats:
        draw = np.random.default_rng([self.seed, *prefix[-2:]])
        row = draw.normal(scale=3, size=self.vocabulary).round(1)
        row[EOS] += 6
        return row.astype(np.float32)


class Batch:
    """Searches of one beam size with what their rows were fed, as a server keeps it."""

    def __init__(self, model: Model, beam_size: int, elsewhere: bool = False) -> None:
        """Where `elsewhere`, somebody else picks each row's best wherever that is all
        that a step comes down to."""
        self.model = model
        self.beam_size = beam_size
        self.elsewhere = elsewhere
        self.searches = Searches(beam_size, EOS)
        self.names: list[int] = []
        self.prefixes: list[Prefix] = []
        self.said: dict[int, Prefix] = {}
        self.found: dict[int, list[Hypothesis]] = {}

    def join(self, names: Sequence[int], options: Sequence[SearchOptions]) -> None:
        self.searches.add(options)
        self.names += names
        self.prefixes += [()] * (len(names) * self.beam_size)

    def step(self) -> None:
        turn = self.turn(self.logits())
        self.follow(turn)
        for place, name in enumerate(self.names):
            stable = self.searches.stable_prefix(place)
            said = self.said.get(name, ())
            assert stable[: len(said)] == said, "a prefix was taken back"
            self.said[name] = stable
        for place, hypotheses in turn.finished.items():
            assert self.said[self.names[place]] == hypotheses[0].tokens
            self.found[self.names[place]] = hypotheses
        self.leave(list(turn.finished))

    def turn(self, logits: Floats) -> Turn:
        wanted = self.searches.wanted() if self.elsewhere else None
        if wanted is None:
            return self.searches.advance(logits)
        if wanted.barred is not None:
            logits[wanted.barred, EOS] = -np.inf
        tokens = likeliest(logits, wanted.width)
        scores = along(logits, tokens)
        if wanted.with_scores:
            scores = NumpyLogProbs().of(logits, tokens)
        return self.searches.advance_by(Best(tokens, scores))

    def logits(self) -> Floats:
        return np.stack([self.model.next(each) for each in self.prefixes])

    def follow(self, turn: Turn) -> None:
        parents = turn.parents.tolist()
        moved = [row for row, parent in enumerate(parents) if row != parent]
        assert not set(moved) & {parents[row] for row in moved}
        assert all(row // self.beam_size not in turn.finished for row in moved)
        for row in reversed(moved):  # in place, and in any order
            assert row // self.beam_size == parents[row] // self.beam_size
            self.prefixes[row] = self.prefixes[parents[row]]
        for row, token in enumerate(turn.tokens.tolist()):
            self.prefixes[row] += (token,)

    def leave(self, places: list[int]) -> None:
        k = self.beam_size
        for origin, gap in self.searches.remove(places):
            self.names[gap] = self.names[origin]
            rows = self.prefixes[origin * k : (origin + 1) * k]
            self.prefixes[gap * k : (gap + 1) * k] = rows
        del self.names[len(self.searches) :]
        del self.prefixes[self.searches.num_rows :]
        assert len(self.names) == len(self.searches)


def decode(
    model: Model, *options: SearchOptions, elsewhere: bool = False
) -> list[list[Hypothesis]]:
    """All of them as batches of one beam size, each leaving when it is done."""
    found: dict[int, list[Hypothesis]] = {}
    for beam_size in {each.beam_size for each in options}:
        batch = Batch(model, beam_size, elsewhere)
        alike = [i for i, each in enumerate(options) if each.beam_size == beam_size]
        batch.join(alike, [options[i] for i in alike])
        while batch.names:
            batch.step()
        found |= batch.found
    return [found[i] for i in range(len(options))]


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


def reference(model: Model, options: SearchOptions) -> list[Hypothesis]:
    """Beam search of one sentence, as plainly as can be."""
    k = options.beam_size
    rows: list[tuple[Prefix, float] | None] = [((), 0.0)] + [None] * (k - 1)
    ended: list[Hypothesis] = []

    def end(tokens: Prefix, log_prob: float, length: int, why: FinishReason) -> None:
        score = log_prob / length**options.length_penalty
        ended.append(Hypothesis(tokens, score, log_prob, why))

    for length in itertools.count(1):
        ranking: list[tuple[float, int, float, int]] = []
        for row, each in enumerate(rows):
            if not each:
                continue
            logits = model.next(each[0]).copy()
            if length < options.min_target_tokens:
                logits[EOS] = -np.inf
            total = np.log(np.exp(logits - logits.max()).sum()) + logits.max()
            for token, logit in enumerate(logits):
                log_prob = each[1] + float(logit - total)
                if log_prob != -np.inf:
                    ranking.append((-log_prob, row, -float(logit), token))
        best = sorted(ranking)[: 2 * k]

        past = [each[0] if each else () for each in rows]
        for log_prob, row, _, token in best[:k]:
            if token == EOS:
                end(past[row], -log_prob, length, FinishReason.EOS)
        live = [each for each in best if each[3] != EOS][:k]
        free = [row for row in range(k) if row not in {each[1] for each in live}]
        rows = [None] * k
        for log_prob, row, _, token in live:
            at = free.pop(0) if rows[row] else row
            rows[at] = ((*past[row], token), -log_prob)

        if live and len(ended) >= k:
            ahead = -live[0][0] / length**options.length_penalty
            wanted = sorted((each.score for each in ended), reverse=True)
            if wanted[options.num_hypotheses - 1] >= ahead:
                break
        elif not live:
            break
        if length >= options.max_target_tokens:
            for log_prob, row, _, token in live:
                end((*past[row], token), -log_prob, length, FinishReason.LENGTH)
            break
    ended.sort(key=lambda h: (h.finish_reason is FinishReason.LENGTH, -h.score))
    return ended[: options.num_hypotheses]


beams = st.integers(2, 5).flatmap(
    lambda beam_size: st.builds(
        SearchOptions,
        max_target_tokens=st.integers(1, 9),
        beam_size=st.just(beam_size),
        num_hypotheses=st.integers(1, beam_size),
        length_penalty=st.sampled_from([0.0, 0.6, 1.0, 2.0]),
        min_target_tokens=st.integers(0, 4),
    )
)


@settings(max_examples=300)
@given(seed=st.integers(0, 10**6), vocabulary=st.integers(4, 9), options=beams)
def test_a_beam_finds_what_a_plain_search_finds(
    seed: int, vocabulary: int, options: SearchOptions
) -> None:
    for model in (Coarse(seed, vocabulary), Table(seed, vocabulary)):
        [found] = decode(model, options)

        assert found == reference(model, options)


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), options=beams)
def test_a_beam_over_many_words_finds_what_a_plain_search_finds(
    seed: int, options: SearchOptions
) -> None:
    model = Wordy(seed)

    [found] = decode(model, options)

    assert found == reference(model, options)


def test_a_vocabulary_smaller_than_the_beam_gives_only_what_can_be_said() -> None:
    table = Table(0, vocabulary=4)
    options = SearchOptions(max_target_tokens=1, beam_size=7, num_hypotheses=7)

    [found] = decode(table, options)

    assert {each.tokens for each in found} == {(), (0,), (1,), (2,)}
    assert len(found) == 4
    assert all(np.isfinite(each.log_prob) for each in found)


def test_greedy_takes_the_likeliest_token_and_the_smaller_id_of_equals() -> None:
    logits = np.array([[0, 5, 5, 1], [9, 1, 1, 1]], np.float32)
    searches = Searches(1, EOS)
    searches.add([SearchOptions(10)] * 2)

    assert searches.advance(logits).tokens.tolist() == [1, 0]
    assert likeliest(logits, 1).tolist() == [[1], [0]]
    assert likeliest(logits, 2).tolist() == [[1, 2], [0, 1]]


@given(st.data())
def test_what_is_said_after_the_end_or_the_cut_means_nothing(
    data: st.DataObject,
) -> None:
    """Several steps at once, of which any may end a sentence or be its last; and some
    more of those who are left."""
    num_steps = data.draw(st.integers(1, 6))
    words = st.lists(st.integers(3, 6), min_size=num_steps, max_size=num_steps)
    rows = data.draw(st.lists(words, min_size=1, max_size=4))
    options = [SearchOptions(data.draw(st.integers(1, 8))) for _ in rows]
    at_once, one_by_one = Searches(1, EOS), Searches(1, EOS)
    for each in (at_once, one_by_one):
        each.add(options)

    middle = data.draw(st.integers(1, num_steps))
    found: dict[int, list[Hypothesis]] = {}
    there = list(range(len(rows)))  # who is at each place
    for steps in (slice(middle), slice(middle, num_steps)):
        some = [rows[each][steps] for each in there]
        if not (some and some[0]):
            break
        finished = at_once.take(np.array(some, np.int64).T)
        found |= {there[place]: outcome for place, outcome in finished.items()}
        for source, place in at_once.remove(finished):
            there[place] = there[source]
        del there[len(at_once) :]

    expected: dict[int, list[Hypothesis]] = {}
    for step in zip(*rows, strict=True):
        logits = np.zeros((len(rows), 7), np.float32)
        logits[np.arange(len(rows)), step] = 1
        for place, outcome in one_by_one.advance(logits).finished.items():
            expected.setdefault(place, outcome)
    assert {
        at: [(h.tokens, h.finish_reason) for h in each] for at, each in found.items()
    } == {
        at: [(h.tokens, h.finish_reason) for h in each] for at, each in expected.items()
    }


def test_greedy_ends_with_the_model_or_at_the_limit() -> None:
    table = Table(0)
    table.logits[:, :, EOS] = -9
    [[cut]] = decode(table, SearchOptions(max_target_tokens=4))
    table.logits[:, :, EOS] = 99
    [[ended]] = decode(table, SearchOptions(max_target_tokens=4))

    assert (len(cut.tokens), cut.finish_reason) == (4, FinishReason.LENGTH)
    assert (ended.tokens, ended.finish_reason) == ((), FinishReason.EOS)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_the_end_is_not_chosen_before_the_shortest_target(beam_size: int) -> None:
    table = Table(0)
    table.logits[:, :, EOS] = 99
    options = [
        SearchOptions(9, beam_size, min_target_tokens=shortest)
        for shortest in (0, 1, 2, 5, 20)
    ]

    found = [best for best, *_ in decode(table, *options)]

    assert [len(each.tokens) for each in found] == [0, 0, 1, 4, 9]
    assert [each.finish_reason for each in found] == [
        *[FinishReason.EOS] * 4,
        FinishReason.LENGTH,
    ]


@pytest.mark.parametrize("beam_size", [1, 4])
def test_what_every_target_begins_with_costs_nothing_and_is_counted(
    beam_size: int,
) -> None:
    """As if the model had been fed it before; beside others, and whatever the rules."""
    table = Table(3)
    plain = SearchOptions(8, beam_size, with_scores=True)
    begun = replace(plain, max_target_tokens=10, begin=(5, 4))
    ruled = replace(begun, no_repeat_ngram_size=1)

    class Continued(Table):
        def next(self, prefix: Prefix) -> Floats:
            return super().next((5, 4, *prefix))

    [[alone, *_]] = decode(Continued(3), plain)
    [[_, *_], [found, *_], [unlike, *_]] = decode(table, plain, begun, ruled)

    assert found.tokens[:2] == unlike.tokens[:2] == (5, 4)
    if beam_size == 1:
        assert found.tokens[2:] == alone.tokens
        assert found.log_prob == pytest.approx(alone.log_prob)
    end = (EOS,) if found.finish_reason is FinishReason.EOS else ()
    said = (*found.tokens[2:], *end)
    assert found.log_prob == pytest.approx(Continued(3).log_prob(said))
    assert found.score == pytest.approx(found.log_prob / (2 + len(said)))
    words = unlike.tokens[2:]
    assert len(set(words)) == len(words)


def test_scores_of_greedy_are_the_tokens_log_probabilities() -> None:
    table = Table(1)

    [[found]] = decode(table, SearchOptions(max_target_tokens=5, with_scores=True))

    tokens = found.tokens + (EOS,) * (found.finish_reason is FinishReason.EOS)
    assert found.log_prob == pytest.approx(table.log_prob(tokens), abs=1e-4)


def test_greedy_keeps_no_scores_unless_asked_whoever_asks_beside_it() -> None:
    table = Table(1)
    asked = SearchOptions(max_target_tokens=5, with_scores=True)

    [[silent], [scored]] = decode(table, SearchOptions(max_target_tokens=5), asked)

    assert silent.tokens == scored.tokens
    assert np.isnan([silent.log_prob, silent.score]).all()
    assert [[scored]] == decode(table, asked)


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


def require_best_in_order(rows: Floats, width: int) -> None:
    tokens = likeliest(rows, width)
    scores = NumpyLogProbs().of(rows, tokens)

    for row, ids, log_probs in zip(rows.tolist(), tokens, scores, strict=True):
        best: list[tuple[float, int]] = sorted(
            (-logit, token) for token, logit in enumerate(row)
        )
        assert ids.tolist() == [token for _, token in best][:width]
        every = np.array(row) - np.log(np.exp(np.array(row, float)).sum())
        np.testing.assert_allclose(log_probs, every[ids], atol=1e-5)


@settings(max_examples=100)
@given(
    rows=st.lists(
        st.lists(st.integers(-2, 2), min_size=6, max_size=6), min_size=1, max_size=4
    ),
    width=st.integers(1, 8),
)
def test_candidates_are_the_best_in_order_whoever_else_is_there(
    rows: list[list[int]], width: int
) -> None:
    require_best_in_order(np.array(rows, np.float32), width)


many = st.builds(
    lambda seed, rows, vocabulary, grain: (
        (np.random.default_rng(seed).normal(size=(rows, vocabulary)) * grain).round()
        / np.float32(grain)
    ).astype(np.float32),
    seed=st.integers(0, 10**6),
    rows=st.integers(1, 5),
    vocabulary=st.integers(30, 1500),
    grain=st.sampled_from([0.5, 2, 16, 1024]),  # the coarser, the more are equal
)


@settings(max_examples=100)
@given(rows=many, width=st.integers(1, 12))
def test_candidates_of_large_vocabularies_are_the_best_in_order(
    rows: Floats, width: int
) -> None:
    require_best_in_order(rows, width)


@settings(max_examples=60)
@given(rows=many, width=st.integers(1, 12))
def test_candidates_are_the_same_to_the_last_bit_in_any_company(
    rows: Floats, width: int
) -> None:
    log_probs = NumpyLogProbs()
    tokens = likeliest(rows, width)
    scores = log_probs.of(rows, tokens)

    for row in range(len(rows)):
        alone = rows[row : row + 1].copy()
        assert (likeliest(alone, width) == tokens[row]).all()
        assert (log_probs.of(alone, tokens[row : row + 1]) == scores[row]).all()


@pytest.mark.parametrize("vocabulary", [4999, 32000, 100_003, 300_000])
def test_scores_do_not_depend_on_where_a_row_stands(vocabulary: int) -> None:
    row = np.random.default_rng(0).normal(size=vocabulary).astype(np.float32)
    rows = np.tile(row, (11, 1))
    tokens = likeliest(rows, 4)

    scores = NumpyLogProbs().of(rows, tokens)

    assert (tokens == tokens[0]).all()
    assert (scores == NumpyLogProbs().of(rows[:1], tokens[:1])).all()


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


@pytest.mark.parametrize("beam_size", [1, 3])
def test_targets_may_be_long(beam_size: int) -> None:
    table = Table(0)
    table.logits[:, :, EOS] = -99

    [[found, *_]] = decode(table, SearchOptions(150, beam_size, with_scores=True))

    assert len(found.tokens) == 150
    assert found.log_prob == pytest.approx(table.log_prob(found.tokens), abs=1e-3)


wishes = st.builds(
    SearchOptions,
    max_target_tokens=st.integers(1, 8),
    beam_size=st.integers(1, 5),
    length_penalty=st.sampled_from([0.0, 0.6, 1.0, 2.0]),
    with_scores=st.just(True),
    min_target_tokens=st.integers(0, 3),
    repetition_penalty=st.sampled_from([1.0, 1.0, 1.5]),
    no_repeat_ngram_size=st.sampled_from([0, 0, 2]),
    sampling=st.none() | st.builds(Sampling, seed=st.integers(0, 9)),
    required=st.sampled_from([(), (), ((4,),), ((5, 0), (4,))]),
    with_tokens=st.booleans(),
)


@settings(max_examples=60)
@given(seed=st.integers(0, 1000), options=st.lists(wishes, min_size=1, max_size=6))
def test_company_changes_no_outcome(seed: int, options: list[SearchOptions]) -> None:
    table = Table(seed)

    together = decode(table, *options)

    assert together == [decode(table, each)[0] for each in options]


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), options=st.lists(wishes, min_size=1, max_size=6))
def test_whoever_picks_the_best_finds_the_same(
    seed: int, options: list[SearchOptions]
) -> None:
    for model in (Table(seed), Coarse(seed, 6)):
        assert decode(model, *options, elsewhere=True) == decode(model, *options)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 1000),
    wordy=st.booleans(),
    beam_size=st.integers(1, 4),
    arrivals=st.lists(st.tuples(wishes, st.integers(0, 5)), min_size=1, max_size=8),
    hang_up=st.sets(st.integers(0, 7)),
)
def test_joining_and_leaving_changes_nobody_elses_outcome(
    seed: int,
    wordy: bool,
    beam_size: int,
    arrivals: list[tuple[SearchOptions, int]],
    hang_up: set[int],
) -> None:
    model: Model = Wordy(seed) if wordy else Table(seed)
    options = [
        replace(each, beam_size=beam_size, num_hypotheses=beam_size)
        for each, _ in arrivals
    ]
    batch = Batch(model, beam_size)

    for step in range(15):
        new = [i for i, (_, at) in enumerate(arrivals) if at == step]
        batch.join(new, [options[i] for i in new])
        if step == 3:
            gone = [place for place, i in enumerate(batch.names) if i in hang_up]
            batch.leave(gone)
        if batch.names:
            batch.step()

    assert not batch.names
    assert hang_up | batch.found.keys() >= set(range(len(options)))
    for i, found in batch.found.items():
        assert [found] == decode(model, options[i])


class HalfMad(Batch):
    """Whose sentence 1 gets no numbers from the model."""

    def logits(self) -> Floats:
        logits = super().logits()
        for place, name in enumerate(self.names):
            if name == 1:
                logits[place * self.beam_size : (place + 1) * self.beam_size] = np.nan
        return logits


@pytest.mark.parametrize("beam_size", [1, 3])
def test_what_is_not_a_number_harms_nobody_beside_it(beam_size: int) -> None:
    options = SearchOptions(6, beam_size, with_scores=True)
    for model in (Table(0), Wordy(0)):
        batch = HalfMad(model, beam_size)

        batch.join([0, 1, 2], [options] * 3)
        while batch.names:
            batch.step()

        assert [batch.found[0]] == [batch.found[2]] == decode(model, options)
        assert np.isnan(batch.found[1][0].log_prob)
