"""Loads, and what is made of the figures."""

from collections.abc import Mapping
from itertools import pairwise
from typing import cast

import pytest

from benchmarks.load import Call, Load, poisson_arrivals
from benchmarks.server_process import ServerProcess
from benchmarks.serving import Trial, best_goodput, point, typical
from benchmarks.stats import geometric_mean, percentile
from benchmarks.workload import GROUP, forced_length, in_whole_groups
from onnxlate.v1 import translation_pb2 as pb


def test_the_same_seed_gives_the_same_arrivals_and_another_others() -> None:
    first = poisson_arrivals(rate=100, count=50, seed=1)

    assert first == poisson_arrivals(rate=100, count=50, seed=1)
    assert first != poisson_arrivals(rate=100, count=50, seed=2)


def test_arrivals_come_at_the_rate_and_independently() -> None:
    arrivals = poisson_arrivals(rate=100, count=10_000, seed=3)
    gaps = [late - early for early, late in pairwise(arrivals)]

    assert arrivals[-1] == pytest.approx(100, rel=0.05)
    # Of exponential gaps, 1 in e is longer than the mean.
    assert sum(gap > 0.01 for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.02)


def test_what_is_late_or_refused_is_no_goodput() -> None:
    calls = [Call(0, 0.1, 7), Call(0, 0.2, 7), Call(0, 0.4, 7), Call(0, 0.01, 0)]

    made = point(rate=2, calls=calls, limit_ms=300)

    assert made.within == 0.5
    assert made.goodput == 1
    assert made.p50 == pytest.approx(200)


def test_a_load_counts_if_almost_all_calls_were_in_time() -> None:
    soon, late = Call(0, 0.1, 7), Call(0, 9, 7)
    borne = point(rate=10, calls=[soon] * 100, limit_ms=300)
    not_borne = point(rate=20, calls=[soon] * 98 + [late] * 2, limit_ms=300)

    assert best_goodput([borne, not_borne]) == 10
    assert best_goodput([not_borne]) == 0
    assert typical([borne, not_borne, not_borne]) == not_borne


class Known(Trial):
    """Servers of which everybody knows what they bear."""

    def __init__(self, *bearable: float) -> None:
        load = Load([], pb.TranslateOptions(), 1)
        servers = [cast(ServerProcess, None) for _ in bearable]
        super().__init__(servers, load, limit_ms=300, seconds=0, rounds=1)
        self._bearable = dict(enumerate(bearable))

    def _measure(self, rates: Mapping[int, float]) -> None:
        for side, rate in rates.items():
            wait = 0.1 if rate <= self._bearable[side] else 9
            calls = [Call(0, 0.1, 7)] * 7 + [Call(0, wait, 7)] * 3
            self.points[side].append(point(rate, calls, self._limit_ms))
            self.points[side].sort(key=lambda each: each.rate)


def test_what_a_server_bears_is_found_between_the_loads_that_both_have() -> None:
    trial = Known(90, 31)
    trial.rise([20, 40, 80, 120])
    trial.narrow()
    ours, theirs = trial.points

    assert [each.rate for each in ours] == [20, 40, 80, 90, 95, 100, 120]
    assert [best_goodput(each) for each in (ours, theirs)] == [90, 30]


def test_a_server_that_bears_nothing_or_everything_is_found_out() -> None:
    trial = Known(1, 999)
    trial.rise([20, 40])
    trial.narrow()

    assert [best_goodput(each) for each in trial.points] == [0, 40]


def test_percentiles_lie_between_the_values() -> None:
    assert percentile([5.0], 99) == 5
    assert percentile([1.0, 2.0, 3.0], 50) == 2
    assert percentile(list(map(float, range(101))), 99) == 99


def test_twice_as_fast_and_half_as_fast_is_equally_fast() -> None:
    assert geometric_mean([2.0, 0.5]) == pytest.approx(1)


def test_each_length_comes_in_whole_groups_and_nobody_is_lost() -> None:
    sources = [[5] * (length % 20 + 2) for length in range(200)]

    grouped = in_whole_groups(sources)

    assert sorted(grouped) == sorted(sources)
    for at in range(0, 5 * GROUP, GROUP):
        group = grouped[at : at + GROUP]
        assert len({forced_length(len(each)) for each in group}) == 1
