"""Tells onnxruntime where the caches stand, so that it reads and writes in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from onnxlate.bundle import ModelInfo

from .block import Block

if TYPE_CHECKING:
    import onnxruntime as ort

Array = npt.NDArray[np.int64] | npt.NDArray[np.bool_] | npt.NDArray[np.float32]


class CacheBinder:
    """Knows names, shapes and type of one model's caches."""

    def __init__(self, model: ModelInfo, dtype: npt.DTypeLike) -> None:
        self._model = model
        self._dtype = dtype

    def inputs(
        self, binding: ort.IOBinding, stem: str, block: Block, num_rows: int
    ) -> None:
        """Binds `stem`_keys_0, `stem`_values_0, …_1: (num_rows, H, L, E) each."""
        self._bind(binding.bind_input, stem, block, num_rows)

    def outputs(
        self, binding: ort.IOBinding, stem: str, block: Block, num_rows: int
    ) -> None:
        self._bind(binding.bind_output, stem, block, num_rows)

    def _bind(
        self, bind: Callable[..., None], stem: str, block: Block, num_rows: int
    ) -> None:
        shape = (num_rows, self._model.heads, block.length, self._model.head_width)
        for index, name in enumerate(cache_names(stem, self._model.decoder_layers)):
            bind(name, block.device, 0, self._dtype, shape, block.pointer(index))


def cache_names(stem: str, layers: int) -> list[str]:
    """Keys and values of every layer in turn, the order of a block's first axis."""
    return [f"{stem}_{kind}_{i}" for i in range(layers) for kind in ("keys", "values")]


def bind_array_input(binding: ort.IOBinding, name: str, array: Array) -> None:
    """Binds memory of ours, which must stay where it is until after the run."""
    binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)


def bind_array_output(binding: ort.IOBinding, name: str, array: Array) -> None:
    binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
