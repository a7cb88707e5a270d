"""How many replicas a load takes, if 99 % of the calls are to be answered in time."""

import math
from collections.abc import Sequence

from onnxlate.errors import ConfigError

from ..load import poisson_arrivals
from .costs import Costs, Sentence
from .figures import PlanRow, Waits
from .queue_model import QueueModel
from .simulation import simulate

RATES = (10.0, 100.0, 10_000.0)

WITHIN = 0.99

SPARE = 0.1
"""Of the replicas, and at least one."""

HALVINGS = 7


def best_rate(
    costs: Costs,
    sentences: Sequence[Sentence],
    limit_ms: float,
    num_calls: int = 4_000,
) -> float:
    """Calls a second of one replica at which so many are within the limit."""
    low, high = 0.0, QueueModel.of(costs, sentences).capacity
    for number in range(HALVINGS):
        rate = (low + high) / 2
        arrivals = poisson_arrivals(rate, num_calls, seed=number)
        waits = simulate(costs, sentences, arrivals, 1, costs.scheduler)
        if Waits.of(waits, limit_ms).within >= WITHIN:
            low = rate
        else:
            high = rate
    return low


def plan_row(
    rate: float, best: float, resident_mb: float, bytes_a_call: float
) -> PlanRow:
    """Replicas of one core each, and what they need; raises ConfigError for no rate."""
    if best <= 0:
        raise ConfigError(
            "a replica answers no load in time, so no number of them does; "
            "--limit-ms is too low for this model"
        )
    busy = math.ceil(rate / best)
    spare = max(1, math.ceil(SPARE * busy))
    return PlanRow(
        rate=rate,
        replicas=busy + spare,
        spare=spare,
        cores=busy + spare,
        memory_gb=(busy + spare) * resident_mb / 1000,
        megabits=rate * bytes_a_call * 8 / 1e6,
    )
