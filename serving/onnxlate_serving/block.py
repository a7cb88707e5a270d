"""The decoder's caches: keys and values of all layers and rows in one block.

Axes: K keys and values of every layer in turn, R rows, H heads, L positions,
E head width. Junk is allowed wherever nothing looks, but never NaN: its weight there
is zero, and zero times NaN is NaN. So blocks begin as zeros.
"""

from collections.abc import Sequence
from math import prod
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from onnxlate.bundle import ModelInfo

from .memory import give_back
from .native.library import Copy
from .native.programs import Programs

Cache = npt.NDArray[np.float32] | npt.NDArray[np.float16]


class Block(Protocol):
    """Storage for (K, R, H, L, E) on one device, moved about by whole rows."""

    @property
    def device(self) -> str:
        """ "cpu" or "cuda", as onnxruntime spells them."""

    @property
    def length(self) -> int:
        """L, the positions there is room for."""

    @property
    def spare_length(self) -> int:
        """The positions of as many rows that its memory would do for."""

    def release(self) -> None:
        """Gives its memory back; it has to be laid out before anything else."""

    def pointer(self, index: int) -> int:
        """Address of entry `index` of axis K: the first of its rows."""

    def lay_out(self, num_rows: int, length: int) -> None:
        """Makes room for so many rows of so many positions; what was there is junk."""

    def reserve(self, num_rows: int) -> None:
        """Makes sure that rows up to `num_rows` exist; what is in new ones is junk."""

    def put(self, first_row: int, newcomers: Self, times: int) -> None:
        """Writes each row of another block, which may be shorter, so many times, from
        `first_row` on."""

    def copy(
        self, copies: Sequence[Copy], num_rows: int, lengths: Sequence[int]
    ) -> None:
        """Copies rows, one after the other, of which `lengths` positions matter each.

        Afterwards only the first `num_rows` rows matter.
        """

    def resize(self, length: int, num_rows: int) -> None:
        """Makes room for `length` positions and keeps what of `num_rows` rows fits."""


def whereabouts(block: Block) -> tuple[int, int, int]:
    """Where its first entry begins, how far apart entries are, and the positions of
    each, as a program wants to be told."""
    first = block.pointer(0)
    return first, block.pointer(1) - first, block.length


class Storage(Protocol):
    """Where blocks come from."""

    @property
    def device(self) -> str | None:
        """Where only onnxruntime reaches them; None is main memory."""

    def zeros(self, num_rows: int, length: int) -> Block: ...


class HostBlock:
    """In main memory; rows are copied in place.

    While nobody is on the rows, memory is laid out anew as sizes change, so that
    addresses are few, and what is bound to them once stays bound.
    """

    device = "cpu"

    def __init__(
        self, model: ModelInfo, dtype: npt.DTypeLike, native: Programs | None = None
    ) -> None:
        self._model = model
        self._native = native
        # Zeroed by the system page by page when first touched: rows that are never
        # used cost nothing.
        self._memory: Cache = np.zeros(0, dtype)
        self._address = int(self._memory.ctypes.data)  # which takes numpy 2 µs to say
        self._shape: tuple[int, ...] = ()
        self._array: Cache | None = None

    @property
    def array(self) -> Cache:
        """(K, R, H, L, E), made when somebody looks: programs know addresses alone."""
        if self._array is None:
            self._array = self._memory[: self._size].reshape(self._shape)
        return self._array

    @property
    def length(self) -> int:
        return self._length

    @property
    def spare_length(self) -> int:
        return len(self._memory) * self._length // max(1, self._size)

    def release(self) -> None:
        self._memory, self._array = np.zeros(0, self._memory.dtype), None

    def pointer(self, index: int) -> int:
        return self._address + index * self._stride

    def lay_out(self, num_rows: int, length: int) -> None:
        model = self._model
        entries = 2 * model.decoder_layers
        self._shape = (entries, num_rows, model.heads, length, model.head_width)
        self._length, self._size = length, prod(self._shape)
        if self._size > len(self._memory):
            self._memory = np.zeros(self._size, self._memory.dtype)
            self._address = int(self._memory.ctypes.data)
        self._array = None
        self._stride = self._size // entries * self._memory.itemsize

    def reserve(self, num_rows: int) -> None:
        if num_rows > self._shape[1]:
            raise IndexError(f"{num_rows} rows in a block of {self._shape[1]}")

    def put(self, first_row: int, newcomers: "HostBlock", times: int) -> None:
        new = newcomers.array
        if times > 1:
            new = new.repeat(times, axis=1)
        rows = slice(first_row, first_row + new.shape[1])
        self.array[:, rows, :, : newcomers.length] = new

    def copy(
        self, copies: Sequence[Copy], num_rows: int, lengths: Sequence[int]
    ) -> None:
        if self._native:
            self._native.library.copy(self.array, copies, lengths)
            return
        for (source, destination), length in zip(copies, lengths, strict=True):
            kept = self.array[:, source, :, :length]
            self.array[:, destination, :, :length] = kept

    def resize(self, length: int, num_rows: int) -> None:
        old = self.array
        self.release()  # the old stays until it is read
        self.lay_out(old.shape[1], length)
        both = min(length, old.shape[3])
        for index in range(len(old)):
            kept = old[index, :num_rows, :, :both]
            self.array[index, :num_rows, :, :both] = kept
            give_back(old[index])  # or both would be there in full, in the end


class HostStorage:
    device: str | None = None

    def __init__(
        self, model: ModelInfo, dtype: npt.DTypeLike, native: Programs | None = None
    ) -> None:
        self._model = model
        self._dtype = dtype
        self._native = native

    def zeros(self, num_rows: int, length: int) -> HostBlock:
        block = HostBlock(self._model, self._dtype, self._native)
        block.lay_out(num_rows, length)
        return block
