"""Whole batches decoded together, start to end: for validation and the export gate.

The loop knows neither torch nor onnxruntime: a Stepper does the arithmetic, and
`onnxlate.search` chooses the tokens. Serving decides its batch anew before every
token and has a loop of its own.

Axes: B sentences, S source positions, R rows (live hypotheses), C capacity, V
vocabulary.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from onnxlate.search import (
    FinishReason,
    Floats,
    Hypothesis,
    Ints,
    Searches,
    SearchOptions,
)
from onnxlate.text import BOS_ID, EOS_ID, PAD_ID

from .model import Memory, Transformer

Bools = npt.NDArray[np.bool_]

CAPACITY_STEP = 16
"""Positions by which a cache grows: room for the longest target that was allowed
would mostly stay empty, and every step pays for it."""


class Rows(Protocol):
    """One batch in mid-decoding; in the beginning each sentence has one row."""

    def step(self, tokens: Ints) -> Floats:
        """Feeds each row its newest token: (R,) -> float32 logits (R, V)."""

    def gather(self, parents: Ints) -> None:
        """Row i goes on from row parents[i]; whoever is no parent is dropped."""


class Stepper(Protocol):
    """A model that can decode."""

    def start(self, source_ids: Ints, source_visible: Bools) -> Rows:
        """Reads the sources, padded on the right: (B, S), (B, S)."""


def decode(
    stepper: Stepper,
    sources: Sequence[Sequence[int]],
    options: Sequence[SearchOptions],
    max_batch_tokens: int = 4096,
    on_progress: Callable[[int], None] | None = None,
) -> list[list[Hypothesis]]:
    """Hypotheses of each source, in the given order; best first.

    Sources end with the end-of-sentence id; [] is answered with an empty target.
    A batch holds sentences of similar length, at most `max_batch_tokens` source
    tokens with padding, counted once for every hypothesis of the beam.
    `on_progress` hears how many sentences each batch finished.
    """
    nothing = Hypothesis((), 0.0, 0.0, FinishReason.EOS)
    found: list[list[Hypothesis]] = [[nothing] for _ in sources]
    for batch in _batches(sources, options, max_batch_tokens):
        hypotheses = decode_batch(
            stepper, [sources[i] for i in batch], [options[i] for i in batch]
        )
        for i, theirs in zip(batch, hypotheses, strict=True):
            found[i] = theirs
        if on_progress:
            on_progress(len(batch))
    return found


def decode_batch(
    stepper: Stepper,
    sources: Sequence[Sequence[int]],
    options: Sequence[SearchOptions],
) -> list[list[Hypothesis]]:
    """Decodes them as one padded batch, whatever their lengths, for each beam size."""
    found: list[list[Hypothesis]] = [[] for _ in sources]
    for beam_size in {each.beam_size for each in options}:
        alike = [i for i, each in enumerate(options) if each.beam_size == beam_size]
        hypotheses = _decode_alike(
            stepper, [sources[i] for i in alike], [options[i] for i in alike]
        )
        for i, theirs in zip(alike, hypotheses, strict=True):
            found[i] = theirs
    return found


def _decode_alike(
    stepper: Stepper,
    sources: Sequence[Sequence[int]],
    options: Sequence[SearchOptions],
) -> list[list[Hypothesis]]:
    """All of them in one batch; the beam sizes are equal."""
    beam_size = options[0].beam_size
    searches = Searches(beam_size, EOS_ID)
    searches.add(options)
    rows = stepper.start(*pad(sources))
    here = np.arange(len(sources))  # which source stands at each place
    rows.gather(np.repeat(here, beam_size))
    tokens = np.full(searches.num_rows, BOS_ID, dtype=np.int64)
    found: list[list[Hypothesis]] = [[] for _ in sources]
    while len(searches):
        turn = searches.advance(rows.step(tokens))
        for place, hypotheses in turn.finished.items():
            found[here[place]] = hypotheses
        order = np.arange(len(searches))
        for origin, gap in searches.remove(turn.finished):
            order[gap] = origin
        order = order[: len(searches)]
        here = here[order]
        parents, tokens = (
            each.reshape(-1, beam_size)[order].ravel()
            for each in (turn.parents, turn.tokens)
        )
        if len(searches):
            rows.gather(parents)
    return found


def pad(sources: Sequence[Sequence[int]]) -> tuple[Ints, Bools]:
    """Ids and visibility, padding on the right: (B, S), (B, S)."""
    shape = len(sources), max(len(source) for source in sources)
    ids = np.full(shape, PAD_ID, dtype=np.int64)
    visible = np.zeros(shape, dtype=np.bool_)
    for row, source in enumerate(sources):
        ids[row, : len(source)] = source
        visible[row, : len(source)] = True
    return ids, visible


def grown(capacity: int, length: int) -> int:
    """The capacity of a cache that is to hold `length` positions."""
    return max(capacity, -(-length // CAPACITY_STEP) * CAPACITY_STEP)


def _batches(
    sources: Sequence[Sequence[int]],
    options: Sequence[SearchOptions],
    max_batch_tokens: int,
) -> Iterator[list[int]]:
    """Indices of the sources that are not empty, longest batches first."""
    # Longest first, so that memory runs out at once or never.
    order = sorted(range(len(sources)), key=lambda i: -len(sources[i]))
    batch: list[int] = []
    rows = 0
    for i in order:
        if not sources[i]:
            continue
        rows += options[i].beam_size
        if batch and rows * len(sources[batch[0]]) > max_batch_tokens:
            yield batch
            batch, rows = [], options[i].beam_size
        batch.append(i)
    if batch:
        yield batch


class TorchStepper:
    """Steps a Transformer on whatever device its weights are."""

    def __init__(self, model: Transformer) -> None:
        """Raises ValueError if the model is in training mode."""
        if model.training:
            raise ValueError("a model in training mode drops at random; call eval()")
        self.model = model

    @torch.inference_mode()
    def start(self, source_ids: Ints, source_visible: Bools) -> "TorchRows":
        device = self.model.generator.weight.device
        visible = torch.from_numpy(source_visible).to(device)
        cross = self.model.cross(torch.from_numpy(source_ids).to(device), visible)
        return TorchRows(self.model, visible, cross)


class TorchRows:
    """The caches of a batch; all rows are of one age, the number of steps so far."""

    def __init__(
        self,
        model: Transformer,
        source_visible: Tensor,
        cross: list[tuple[Tensor, Tensor]],
    ) -> None:
        self._model = model
        self._source_visible = source_visible  # (R, S)
        self._cross = cross  # per layer (R, H, S, E), twice
        rows, heads, _, head_width = cross[0][0].shape
        empty = cross[0][0].new_zeros(rows, heads, 0, head_width)
        self._past = [(empty, empty) for _ in cross]  # per layer (R, H, C, E), twice
        self._age = 0
        self._sentences = np.arange(rows)

    def step(self, tokens: Ints) -> Floats:
        return np.asarray(self.logits(tokens).cpu().numpy())

    @torch.inference_mode()
    def logits(self, tokens: Ints) -> Tensor:
        """What `step` gives, where the model is."""
        self._age += 1
        self._make_room()
        rows, _, capacity, _ = self._past[0][0].shape
        device = self._source_visible.device
        visible = torch.arange(capacity, device=device) < self._age  # (C,)
        logits, self._past = self._model.step(
            torch.from_numpy(tokens).to(device),
            visible.expand(rows, capacity),
            self._source_visible,
            [
                Memory(*cross, *past)
                for cross, past in zip(self._cross, self._past, strict=True)
            ],
        )
        return logits.float()

    @torch.inference_mode()
    def gather(self, parents: Ints) -> None:
        if np.array_equal(parents, np.arange(len(self._sentences))):
            return
        index = torch.from_numpy(parents).to(self._source_visible.device)
        self._past = [(k[index], v[index]) for k, v in self._past]
        sentences = self._sentences[parents]
        # Hypotheses of one sentence look at one source, so their changing places
        # moves nothing there.
        if not np.array_equal(sentences, self._sentences):
            self._source_visible = self._source_visible[index]
            self._cross = [(k[index], v[index]) for k, v in self._cross]
        self._sentences = sentences

    def _make_room(self) -> None:
        capacity = self._past[0][0].shape[2]
        more = grown(capacity, self._age) - capacity
        if more:
            pad = (0, 0, 0, more)
            self._past = [
                (torch.nn.functional.pad(k, pad), torch.nn.functional.pad(v, pad))
                for k, v in self._past
            ]


class EnsembleStepper:
    """Several models of one vocabulary that choose each token together."""

    def __init__(self, models: Sequence[Transformer]) -> None:
        self._steppers = [TorchStepper(model) for model in models]

    def start(self, source_ids: Ints, source_visible: Bools) -> "EnsembleRows":
        return EnsembleRows(
            [each.start(source_ids, source_visible) for each in self._steppers]
        )


class EnsembleRows:
    """The rows of each model, all of one shape."""

    def __init__(self, members: Sequence[TorchRows]) -> None:
        self._members = members

    @torch.inference_mode()
    def step(self, tokens: Ints) -> Floats:
        """The logarithm of the mean of their probabilities: (R,) -> (R, V)."""
        guesses = [each.logits(tokens).log_softmax(dim=-1) for each in self._members]
        mean = torch.stack(guesses).logsumexp(dim=0) - math.log(len(guesses))
        return np.asarray(mean.cpu().numpy())

    def gather(self, parents: Ints) -> None:
        for each in self._members:
            each.gather(parents)
