"""PyTorch as most people use it: padded batches, key and value caches, one process."""

import torch

from onnxlate.search import SearchOptions
from onnxlate_training.decode import TorchStepper, decode

from .building import load_weights
from .settings import Job, PyTorchSettings


class PyTorch:
    def __init__(self, settings: PyTorchSettings) -> None:
        torch.set_num_threads(settings.threads)
        self._settings = settings
        self._stepper = TorchStepper(load_weights(settings.model))

    def prepare(self, job: Job) -> None:
        self._sources = job.sources
        self._options = [
            SearchOptions(longest, job.beam_size, min_target_tokens=least)
            for least, longest in job.limits()
        ]
        self._found: dict[int, list[int]] = {}

    def translate(self) -> None:
        self._decode(range(len(self._sources)))

    def translate_one(self, index: int) -> None:
        self._decode(range(index, index + 1))

    def targets(self) -> list[list[int]]:
        return [self._found[i] for i in range(len(self._sources))]

    def close(self) -> None:
        pass

    def _decode(self, indices: range) -> None:
        found = decode(
            self._stepper,
            [self._sources[i] for i in indices],
            [self._options[i] for i in indices],
            self._settings.max_batch_tokens,
        )
        for index, hypotheses in zip(indices, found, strict=True):
            self._found[index] = list(hypotheses[0].tokens)
