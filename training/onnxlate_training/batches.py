"""Batches of like length, in an order that follows from seed and epoch alone.

That is what makes a resumed run exact: where it stood is three numbers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from onnxlate.text import BOS_ID, PAD_ID

from .corpus import Example, Ids
from .model import visible_words
from .ragged import Ragged

Members = npt.NDArray[np.int64]
"""The examples of a batch, by their numbers in a window."""

UPDATES_ALIKE = 16
"""Of so many updates in a row the batches are dealt out anew, by their size."""


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


class Examples(Protocol):
    """What is learnt from, as much at a time as there is memory for."""

    @property
    def num_windows(self) -> int: ...

    def window(self, epoch: int, number: int) -> tuple[Ragged, Ragged]:
        """Sources and targets; every example is in one window of an epoch."""


class Held:
    """Examples that are in memory, and so one window."""

    num_windows = 1

    def __init__(self, examples: Sequence[Example]) -> None:
        self._sides = (
            Ragged.of([each.source for each in examples]),
            Ragged.of([each.target for each in examples]),
        )

    def window(self, epoch: int, number: int) -> tuple[Ragged, Ragged]:
        return self._sides


class Window:
    """A part of an epoch: some examples, and in which batches they are learnt from."""

    def __init__(
        self, source: Ragged, target: Ragged, updates: Sequence[Sequence[Members]]
    ) -> None:
        self._source = source
        self._target = target
        self.updates = updates
        """Each some batches, each some example numbers. One update may have fewer
        batches than the others."""

    def batch(self, members: Members) -> Batch:
        """Looks at these examples alone."""
        return collate([Example(self._source[i], self._target[i]) for i in members])

    def num_tokens(self, members: Members) -> int:
        """Real target tokens of a batch, without building it."""
        return int(self._target.lengths[members].sum())


class BatchPlan:
    """Which examples go together, for every window of every epoch of a corpus."""

    def __init__(
        self, examples: Examples, max_tokens: int, accumulate: int, seed: int
    ) -> None:
        """`max_tokens` bounds the padded tokens of a batch's longer side."""
        self._examples = examples
        self._max_tokens = max_tokens
        self._accumulate = accumulate
        self._seed = seed

    @property
    def num_windows(self) -> int:
        return self._examples.num_windows

    def window(self, epoch: int, number: int) -> Window:
        source, target = self._examples.window(epoch, number)
        random = np.random.default_rng([self._seed, epoch, number])
        order = random.permutation(len(source))
        # Stable sorts of a shuffled list: like lengths together, in a new company
        # every epoch. Target first, since its side costs more.
        order = order[np.lexsort((source.lengths[order], target.lengths[order]))]
        longest = np.maximum(source.lengths, target.lengths)[order]
        batches = list(_cut(order, longest, self._max_tokens))
        random.shuffle(batches)
        updates = list(_dealt(batches, self._accumulate, target.lengths))
        if self._accumulate > 1:
            random.shuffle(updates)
        return Window(source, target, updates)


def _dealt(
    batches: Sequence[Members], size: int, lengths: npt.NDArray[np.int64]
) -> Iterator[Sequence[Members]]:
    """Updates of `size` batches with about as many target tokens each.

    Processes that share an update wait for the last of them, and a batch whose sources
    are long has fewer targets. Only few updates are made alike at a time, so that it is
    still mostly chance who meets.
    """
    few = UPDATES_ALIKE * size
    for start in range(0, len(batches), few):
        some = batches[start : start + few]
        if size > 1:
            some = sorted(some, key=lambda members: int(lengths[members].sum()))
        yield from (some[i : i + size] for i in range(0, len(some), size))


def _cut(
    order: Members, longest: npt.NDArray[np.int64], max_tokens: int
) -> Iterator[Members]:
    """As many in a row as fit, then as many again; one that is too long is alone."""
    start = 0
    while start < len(order):
        most = max(1, max_tokens // int(longest[start]))
        widths = np.maximum.accumulate(longest[start : start + most])
        fits = widths * np.arange(1, len(widths) + 1) <= max_tokens
        # Each is at least as wide as those before, so none fits behind one that does
        # not.
        size = max(1, int(fits.sum()))
        yield order[start : start + size]
        start += size
