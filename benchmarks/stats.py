"""Medians, percentiles and means of what was measured."""

import math
from collections.abc import Sequence
from statistics import median as median
from statistics import quantiles


def percentile(values: Sequence[float], percent: int) -> float:
    """By linear interpolation, from 1 to 99; a single value is every percentile."""
    if len(values) == 1:
        return values[0]
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def geometric_mean(ratios: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, ratios)) / len(ratios))
