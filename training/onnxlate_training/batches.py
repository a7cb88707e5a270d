"""Batches of like length, in an order that follows from seed and epoch alone.

That is what makes a resumed run exact: where it stood is two numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from onnxlate.text import BOS_ID, PAD_ID

from .corpus import Example, Ids
from .model import visible_words


@dataclass(frozen=True)
class Batch:
    """Axes: B sentences, S source and T target positions, padding on the right."""

    source_ids: Tensor
    """(B, S)"""
    source_visible: Tensor
    """(B, S)"""
    target_ids: Tensor
    """(B, T), what the decoder is fed: the begin token, then all but the last."""
    next_ids: Tensor
    """(B, T), what it should say at each position."""
    target_visible: Tensor
    """(B, T), True at real positions."""
    num_tokens: int
    """Real target tokens, the end of sentence included."""

    def twice(self) -> "Batch":
        """Each sentence again, behind all of them: (2B, S) and (2B, T)."""
        return Batch(
            source_ids=self.source_ids.repeat(2, 1),
            source_visible=self.source_visible.repeat(2, 1),
            target_ids=self.target_ids.repeat(2, 1),
            next_ids=self.next_ids.repeat(2, 1),
            target_visible=self.target_visible.repeat(2, 1),
            num_tokens=2 * self.num_tokens,
        )

    def to(self, device: torch.device) -> "Batch":
        if device.type == "cpu":
            return self
        return Batch(
            source_ids=self.source_ids.to(device, non_blocking=True),
            source_visible=self.source_visible.to(device, non_blocking=True),
            target_ids=self.target_ids.to(device, non_blocking=True),
            next_ids=self.next_ids.to(device, non_blocking=True),
            target_visible=self.target_visible.to(device, non_blocking=True),
            num_tokens=self.num_tokens,
        )


def collate(examples: Sequence[Example]) -> Batch:
    source_lengths = torch.tensor([len(example.source) for example in examples])
    target_lengths = torch.tensor([len(example.target) for example in examples])
    next_ids = _padded([example.target for example in examples])
    target_ids = torch.roll(next_ids, 1, dims=1)
    target_ids[:, 0] = BOS_ID
    source_ids = _padded([example.source for example in examples])
    return Batch(
        source_ids=source_ids,
        source_visible=visible_words(source_lengths, source_ids.shape[1]),
        target_ids=target_ids,
        next_ids=next_ids,
        target_visible=visible_words(target_lengths, next_ids.shape[1]),
        num_tokens=int(target_lengths.sum()),
    )


def _padded(rows: Sequence[Ids]) -> Tensor:
    out = np.full((len(rows), max(map(len, rows))), PAD_ID, dtype=np.int64)
    for index, row in enumerate(rows):
        out[index, : len(row)] = row
    return torch.from_numpy(out)


class BatchPlan:
    """Which examples go together, for every epoch of a corpus."""

    def __init__(
        self,
        examples: Sequence[Example] | Callable[[int], Sequence[Example]],
        max_tokens: int,
        accumulate: int,
        seed: int,
    ) -> None:
        """`max_tokens` bounds the padded tokens of a batch's longer side.

        Examples that are a function are an epoch's own.
        """
        self._of_epoch = examples if callable(examples) else None
        self._take(() if callable(examples) else examples)
        self._max_tokens = max_tokens
        self._accumulate = accumulate
        self._seed = seed

    def updates(self, epoch: int) -> list[list[list[int]]]:
        """The epoch's updates, each some batches, each some example numbers.

        What else is asked is about the epoch that was asked for last. The last update
        of an epoch may have fewer batches than the others.
        """
        if self._of_epoch:
            self._take(self._of_epoch(epoch))
        random = np.random.default_rng([self._seed, epoch])
        order = random.permutation(len(self._examples))
        # Stable sorts of a shuffled list: like lengths together, in a new company
        # every epoch. Target first, since its side costs more.
        keys = (self._sources[order], self._targets[order])
        order = order[np.lexsort(keys)]
        batches = list(self._cut(order))
        random.shuffle(batches)
        size = self._accumulate
        return [batches[i : i + size] for i in range(0, len(batches), size)]

    def batch(self, members: Sequence[int]) -> Batch:
        return collate([self._examples[i] for i in members])

    def num_tokens(self, members: Sequence[int]) -> int:
        """Real target tokens of a batch, without building it."""
        return int(self._targets[np.asarray(members)].sum())

    def _take(self, examples: Sequence[Example]) -> None:
        self._examples = examples
        self._sources = np.array([len(example.source) for example in examples])
        self._targets = np.array([len(example.target) for example in examples])

    def _cut(self, order: npt.NDArray[np.int64]) -> Iterator[list[int]]:
        batch: list[int] = []
        longest = 0
        for index in order:
            longer = max(longest, int(self._sources[index]), int(self._targets[index]))
            if batch and longer * (len(batch) + 1) > self._max_tokens:
                yield batch
                batch, longer = (
                    [],
                    max(int(self._sources[index]), int(self._targets[index])),
                )
            batch.append(int(index))
            longest = longer
        yield batch
