"""Drawing a token instead of taking the likeliest.

Axes: V vocabulary.
"""

import numpy as np

from .answer import Sampling
from .beam import Doubles
from .candidates import Floats, Ints, likeliest

LIGHT = 1e-3
"""Of the likeliest token's probability: what is less is sorted only if all the rest is
not enough."""


def drawn(row: Floats, sampling: Sampling, draw: int, step: int) -> int:
    """A token drawn by its logit: (V,).

    top_k as in Fan et al. 2018, top_p as in Holtzman et al. 2020; both after the
    temperature, the first of them first.
    """
    tokens = None  # all, by their ids
    if 0 < sampling.top_k < len(row):
        tokens = likeliest(row[None], sampling.top_k)[0]
        row = row[tokens]
    scaled = row.astype(np.float64) / sampling.temperature
    weights = np.exp(scaled - scaled.max())
    if sampling.top_p < 1:
        nucleus = _nucleus(weights, sampling.top_p)
        weights = weights[nucleus]
        tokens = nucleus if tokens is None else tokens[nucleus]
    mass = np.cumsum(weights)
    chance = _uniform(sampling.seed, draw, step) * mass[-1]
    at = min(int(np.searchsorted(mass, chance, side="right")), len(mass) - 1)
    return at if tokens is None else int(tokens[at])


def _nucleus(weights: Doubles, top_p: float) -> Ints:
    """The heaviest, up to the one that makes so much of the whole complete, the heavier
    first: (V,) -> (N,). The heaviest weighs 1."""
    wanted = top_p * weights.sum()
    some = np.flatnonzero(weights > LIGHT)
    if weights[some].sum() < wanted:
        some = np.arange(len(weights))
    order = some[np.argsort(-weights[some], kind="stable")]
    mass = np.cumsum(weights[order])
    nucleus: Ints = order[: np.searchsorted(mass, wanted) + 1]
    return nucleus


def _uniform(seed: int, draw: int, step: int) -> float:
    """From 0 to 1, the latter excluded; of these three numbers and of nothing else.

    Philox is made for this (Salmon et al. 2011): any number of the sequence is to be
    had without those before it, so it does not matter who stands on which row.
    """
    generator = np.random.Philox(key=seed, counter=[step, draw, 0, 0])
    return float(np.random.Generator(generator).random())
