"""`generate` of Hugging Face Transformers: padded batches of similar length."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from onnxlate.search import Ints
from onnxlate.text import EOS_ID
from onnxlate_training.decode import pad

from .building import load_weights
from .marian_model import converted
from .settings import Job, MarianSettings


class Marian:
    def __init__(self, settings: MarianSettings) -> None:
        torch.set_num_threads(settings.threads)
        self._settings = settings
        self._model = self._open(settings)

    def _open(self, settings: MarianSettings) -> Any:
        return converted(load_weights(settings.model))

    def _theirs(self, ids: Ints) -> Tensor:
        """Source ids as the model has them."""
        return torch.from_numpy(ids)

    def _ours(self, row: list[int]) -> list[int]:
        """Without the beginning, and without the end and the padding behind it."""
        end = row.index(EOS_ID) if EOS_ID in row else len(row)
        return row[1:end]

    def prepare(self, job: Job) -> None:
        self._sources = job.sources
        self._limits = job.limits()
        self._beam_size = job.beam_size
        self._found: dict[int, list[int]] = {}

    def translate(self) -> None:
        for batch in self._batches():
            self._generate(batch)

    def translate_one(self, index: int) -> None:
        self._generate([index])

    def targets(self) -> list[list[int]]:
        return [self._found[i] for i in range(len(self._sources))]

    def close(self) -> None:
        pass

    def _batches(self) -> Iterator[list[int]]:
        # Lengths can be forced only for a whole call, so each length has its own.
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, limits in enumerate(self._limits):
            groups[limits].append(index)
        size = self._settings.max_batch_size
        for group in groups.values():
            group.sort(key=lambda index: len(self._sources[index]))
            for at in range(0, len(group), size):
                yield group[at : at + size]

    def _generate(self, batch: Sequence[int]) -> None:
        ids, visible = pad([self._sources[i] for i in batch])
        least, longest = self._limits[batch[0]]
        rows = self._model.generate(
            self._theirs(ids),
            attention_mask=torch.from_numpy(visible),
            num_beams=self._beam_size,
            length_penalty=1.0,
            do_sample=False,
            min_new_tokens=least,
            max_new_tokens=longest,
        )
        for index, row in zip(batch, rows.tolist(), strict=True):
            self._found[index] = self._ours(row)
