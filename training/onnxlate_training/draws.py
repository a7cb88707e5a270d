"""Random numbers of a run's seed: a generator for each purpose, like no other's."""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """The numbers are part of what a seed means: never give one to something else."""

    CUTS = 0
    """Ways in which BPE-dropout may cut a word."""
    CHOICE_OF_CUTS = 1
    """Which of them a window of an epoch takes."""
    AUGMENTATION = 2
    WINDOWS = 3
    """Which parts of the text an epoch has at hand together."""


def generator(seed: int, purpose: Purpose, *more: int) -> np.random.Generator:
    """A spawn key, since numpy takes [seed, 2] and [seed, 2, 0] for one seed."""
    key = (int(purpose), *more)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
