"""The plan's parts: costs, model, simulation, real replicas, tables and plot."""

import os
import random
from pathlib import Path

import pytest

from benchmarks.capacity.calls import engine_seconds
from benchmarks.capacity.costs import (
    Costs,
    EngineParts,
    Noted,
    Sentence,
    fitted,
    measure_costs,
)
from benchmarks.capacity.figures import (
    CallCost,
    CapacityFigures,
    LoadFigure,
    SearchFigures,
    Waits,
)
from benchmarks.capacity.loads import Loads
from benchmarks.capacity.picture import draw
from benchmarks.capacity.plan import best_rate, plan_row
from benchmarks.capacity.queue_model import QueueModel
from benchmarks.capacity.replicas import Callers, Spent, replicas
from benchmarks.capacity.shown import page, tables
from benchmarks.capacity.simulation import simulate
from benchmarks.load import poisson_arrivals
from onnxlate.demo import EXAMPLES
from onnxlate.errors import ConfigError
from onnxlate_serving.config import SchedulerConfig
from onnxlate_serving.server import DEFAULT_BUNDLE

SECOND = Costs(
    beam_size=1, sentences=[1, 64], steps=[1.0, 1.0], join=0.0, source_token=0.0
)
"""A step takes a second, whoever is in it."""

BATCHING = Costs(
    beam_size=1,
    sentences=[1, 64],
    steps=[0.001, 0.004],
    join=0.0005,
    source_token=0.00001,
    call=0.0004,
)


def sentence(steps: int) -> Sentence:
    return Sentence(source_tokens=5, steps=steps)


def test_who_comes_in_the_middle_of_a_step_joins_at_the_next() -> None:
    waits = simulate(
        SECOND, [sentence(3), sentence(2)], [10.0, 10.5], 1, SchedulerConfig()
    )

    assert waits == [3.0, 2.5]  # from 11 to 13, for which it waited half a second


def test_calls_go_to_replicas_by_turns() -> None:
    waits = simulate(SECOND, [sentence(2)], [0.0, 0.5, 0.5], 2, SchedulerConfig())

    assert waits == [2.0, 2.0, 2.5]


def test_rows_are_the_scheduler_s_to_give_and_its_refusals_count() -> None:
    one = SchedulerConfig(max_rows=1, max_waiting=1)

    waits = simulate(SECOND, [sentence(2)], [0.0, 0.1, 0.2, 9.0], 1, one)

    assert waits[0] == 2.0
    assert waits[1] == pytest.approx(3.9)
    assert waits[2] is None
    assert waits[3] == 2.0


def test_what_a_call_costs_is_taken_from_those_who_decode() -> None:
    costs = SECOND.model_copy(update={"call": 0.25})

    assert simulate(costs, [sentence(1)], [0.0], 1, SchedulerConfig()) == [1.25]


def test_without_a_gain_by_batches_it_is_a_queue_with_processor_sharing() -> None:
    costs = Costs(
        beam_size=1, sentences=[1, 8], steps=[0.0025, 0.02], join=0, source_token=0
    )
    model = QueueModel(costs, steps=40, source_tokens=5)

    assert model.capacity == pytest.approx(10)
    # 0.1 s of work each: at a load of r, 0.1 / (1 - r).
    for share in (0.1, 0.6):
        mean = model.mean_seconds(10 * share)
        assert mean == pytest.approx(0.1 / (1 - share), rel=0.05)
    assert model.mean_seconds(10.0) is None


def test_who_is_alone_waits_for_its_own_steps_only() -> None:
    model = QueueModel(BATCHING, steps=10, source_tokens=5)

    # 10 steps, one of which it joins, and a call.
    alone = 10 * 0.001 + 0.0005 + 5 * 0.00001 + 0.0004
    assert model.mean_seconds(0.01) == pytest.approx(alone, rel=0.01)


def test_what_calls_cost_limits_what_a_replica_bears() -> None:
    free = QueueModel(SECOND, steps=4, source_tokens=5)
    dear = SECOND.model_copy(update={"call": 1.0})

    assert free.capacity == pytest.approx(16)  # 64 in 4 seconds
    assert QueueModel(dear, steps=4, source_tokens=5).capacity == pytest.approx(16 / 17)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_model_and_simulation_agree(share: float) -> None:
    lengths = random.Random(1)
    sentences = [sentence(1 + int(lengths.expovariate(0.1))) for _ in range(2000)]
    model = QueueModel.of(BATCHING, sentences)
    rate = share * model.capacity

    arrivals = poisson_arrivals(rate, 5_000, seed=2)
    config = SchedulerConfig(max_rows=64)
    waits = simulate(BATCHING, sentences, arrivals, 1, config)

    simulated = Waits.of(waits, limit_ms=1000).mean / 1000
    assert model.mean_seconds(rate) == pytest.approx(simulated, rel=0.1)


def test_costs_come_out_of_the_steps_that_were_noted() -> None:
    notes = [Noted(size, (), 0.001 * size) for size in (1, 4) for _ in range(5)]
    notes += [
        Noted(4, (tokens,), 0.004 + 0.002 + 0.0001 * tokens) for tokens in (5, 9, 20)
    ]

    costs = fitted(notes, [1, 4], beam_size=2)

    assert costs.seconds(1) == pytest.approx(0.001)
    assert costs.seconds(3) == pytest.approx(0.003)  # on the line between
    assert costs.seconds(4, [10]) == pytest.approx(0.004 + 0.003)


def test_a_batch_that_was_never_full_is_refused() -> None:
    with pytest.raises(ConfigError, match="a batch of 8"):
        fitted([Noted(1, (), 0.1)], [1, 8], beam_size=1)


def test_late_answers_and_refusals_are_not_within_the_limit() -> None:
    waits = Waits.of([0.01, 0.03, 0.2, None], limit_ms=100)

    assert waits.within == 0.5
    assert waits.p50 == pytest.approx(30)


def test_the_best_rate_keeps_the_limit_and_a_tighter_one_is_lower() -> None:
    sentences = [sentence(10)]

    loose, tight = (
        best_rate(BATCHING, sentences, limit, num_calls=300) for limit in (100.0, 20.0)
    )

    assert 0 < tight < loose < QueueModel.of(BATCHING, sentences).capacity


def test_a_plan_has_a_spare_and_grows_with_the_load() -> None:
    few, many = (plan_row(rate, 100, 200, 500) for rate in (10, 10_000))

    assert (few.replicas, few.spare) == (2, 1)
    assert (many.replicas, many.spare, many.cores) == (110, 10, 110)
    assert many.memory_gb == pytest.approx(22)
    assert many.megabits == pytest.approx(40)


def test_a_limit_that_nothing_keeps_has_no_plan() -> None:
    best = best_rate(BATCHING, [sentence(10)], limit_ms=1.0, num_calls=100)

    assert best == 0
    with pytest.raises(ConfigError, match="--limit-ms is too low"):
        plan_row(10, best, 200, 500)


def test_a_real_model_has_costs_that_rise_with_the_batch() -> None:
    parts = EngineParts(DEFAULT_BUNDLE, beam_size=8)

    costs, sentences = measure_costs(parts, EXAMPLES * 2, seconds=0.0)

    most = parts.rows // 8
    assert costs.sentences == [each for each in (1, 2, 4) if each <= most]
    assert costs.sentences[-1] == most
    assert costs.scheduler.max_rows == parts.rows
    assert all(0 < seconds < 1 for seconds in costs.steps)
    assert len(sentences) == 2 * len(EXAMPLES)
    assert all(each.steps > 3 for each in sentences)


def test_replicas_keep_to_their_core_and_answer_all_calls() -> None:
    core = min(os.sched_getaffinity(0))
    with replicas(DEFAULT_BUNDLE, [core, core]) as targets:
        assert all(os.sched_getaffinity(each.pid) == {core} for each in targets)
        callers = Callers(targets, EXAMPLES, beam_size=1)
        before = Spent.by(targets)
        waits = callers.open_loop([0.01 * number for number in range(20)])
        spent = Spent.by(targets).since(before)

    assert all(wait is not None and wait > 0 for wait in waits)
    assert (callers.calls, callers.bytes_moved > 20 * 100) == (20, True)
    assert spent.steps > 0 and spent.rows >= spent.steps
    assert 0 <= spent.engines_cpu <= spent.cpu
    assert engine_seconds(spent, BATCHING, 20, 5) > 0


def test_where_no_core_is_left_callers_take_theirs_from_the_replicas() -> None:
    sentences, costs = [sentence(10)], BATCHING.times(5)

    def load(cores: list[int]) -> LoadFigure:
        [figure] = Loads(
            bundle=DEFAULT_BUNDLE,
            texts=EXAMPLES,
            sentences=sentences,
            costs=costs,
            callers_s=0.001,
            limit_ms=1000,
            seconds=0.1,
            rounds=1,
            cores=cores,
            shares=(0.5,),
        ).on(1)
        return figure

    core = min(os.sched_getaffinity(0))
    here, none = load([core, core]), load([])

    assert here.rate == pytest.approx(QueueModel.of(costs, sentences).capacity / 2)
    assert here.measured and 0 < here.measured.within <= 1
    assert none.rate < here.rate
    assert none.measured is None and none.simulated.within == 1


def test_figures_become_tables_and_a_plot(tmp_path: Path) -> None:
    waits = Waits(mean=10, p50=9, p99=30, within=0.995)
    loads = [
        LoadFigure(
            replicas=count,
            share=share,
            rate=200 * count * share,
            measured=None if share == 0.9 else waits,
            simulated=waits,
            model_mean=11,
            others_cores=0.1,
        )
        for count in (1, 2)
        for share in (0.5, 0.9)
    ]
    call = CallCost(
        callers=8,
        calls_a_second=300,
        cpu_ms=2.5,
        engine_ms=2.0,
        expected_ms=1.9,
        word_us=350,
        sentences_a_step=4.4,
        callers_ms=0.3,
        cores=0.9,
    )
    search = SearchFigures(
        beam_size=5,
        limit_ms=100,
        words=7,
        steps=12,
        costs=BATCHING,
        dearer=1.2,
        capacity=200,
        best_rate=150,
        resident_mb=180,
        bytes_a_call=500,
        calls=[call],
        loads=loads,
        plan=[plan_row(100, 150, 180, 500)],
    )
    figures = CapacityFigures(
        machine="A processor", text="x.en", model="m", searches=[search]
    )

    text = page(list(tables(figures)))
    for name in ("plot.svg", "plot.png", "again.svg"):
        draw(figures, tmp_path / name)

    assert "| 8 | 300 | 2.50 | 2.00 | 1.90 | 350 | 4.4 | 0.90 |" in text
    assert "| 1 | 90% | 180 | – / 10 / 11 | – / 9 | – / 30 |" in text
    assert "| 100 | 2 | 1 | 2 | 0.4 | 0.40 |" in text
    plot = (tmp_path / "plot.svg").read_bytes()
    assert plot.startswith(b"<?xml")
    assert plot == (tmp_path / "again.svg").read_bytes()
