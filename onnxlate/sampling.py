"""Drawing a token instead of taking the likeliest.

Axes: V vocabulary.
"""

import numpy as np

from .answer import Sampling
from .candidates import Floats, Ints, likeliest


def drawn(row: Floats, sampling: Sampling, draw: int, step: int) -> int:
    """A token drawn by its logit: (V,).

    top_k as in Fan et al. 2018, top_p as in Holtzman et al. 2020; both after the
    temperature, the first of them first.
    """
    tokens = _by_likelihood(row, sampling)
    scaled = row[tokens].astype(np.float64) / sampling.temperature
    mass = np.cumsum(np.exp(scaled - scaled.max()))
    if sampling.top_p < 1:  # up to the token that makes the mass complete
        mass = mass[: np.searchsorted(mass, sampling.top_p * mass[-1]) + 1]
    chance = _uniform(sampling.seed, draw, step) * mass[-1]
    at = min(int(np.searchsorted(mass, chance, side="right")), len(mass) - 1)
    return int(tokens[at])


def _by_likelihood(row: Floats, sampling: Sampling) -> Ints:
    """All that may be drawn; sorted only where order matters."""
    if 0 < sampling.top_k < len(row):
        best: Ints = likeliest(row[None], sampling.top_k)[0]
        return best
    if sampling.top_p < 1:
        order: Ints = np.argsort(-row, kind="stable")
        return order
    return np.arange(len(row))


def _uniform(seed: int, draw: int, step: int) -> float:
    """From 0 to 1, the latter excluded; of these three numbers and of nothing else.

    Philox is made for this (Salmon et al. 2011): any number of the sequence is to be
    had without those before it, so it does not matter who stands on which row.
    """
    generator = np.random.Philox(key=seed, counter=[step, draw, 0, 0])
    return float(np.random.Generator(generator).random())
