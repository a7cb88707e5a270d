"""What is learnt, as trainers read it; nothing here needs more than torch."""

import json
from collections.abc import Iterator

import numpy as np

from onnxlate_training.batches import Batch, BatchPlan, Held, Members
from onnxlate_training.corpus import Example
from onnxlate_training.recipe import Recipe, parse_recipe

from .trainer_settings import Task

FOR_EVER = 2**31 - 1
"""Updates; nobody gets there."""


def recipe_of(task: Task) -> Recipe:
    return parse_recipe(task.recipe, "the benchmark")


def read_examples(task: Task) -> list[Example]:
    return [
        Example(np.array(source, np.int32), np.array(target, np.int32))
        for source, target in json.loads(task.examples.read_bytes())
    ]


class Batches:
    """Our batches, in our order, for as many epochs as there is time for."""

    def __init__(self, task: Task) -> None:
        recipe = recipe_of(task)
        batch, seed = recipe.batch, recipe.seed
        self._plan = BatchPlan(
            Held(read_examples(task)), batch.max_tokens, batch.accumulate, seed
        )
        self._any = self._plan.window(0, 0)

    def __iter__(self) -> Iterator[Members]:
        """Of each batch which examples are in it."""
        epoch = 0
        while True:
            for update in self._plan.window(epoch, 0).updates:
                yield from update
            epoch += 1

    def batch(self, members: Members) -> Batch:
        return self._any.batch(members)
