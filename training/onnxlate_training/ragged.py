"""Many short arrays in one long one: in memory, or on disk however many there are.

On disk they are two files, NAME.values and NAME.offsets, that are mapped into memory
and not read: the system brings in what is looked at, keeps it while there is room, and
shares it among all processes of a machine.
"""

import mmap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from onnxlate.errors import TrainingError

Values = npt.NDArray[Any]

CHUNK = 16_384
"""Arrays that are written, and read in a row, at a time."""

OFFSETS = np.dtype("<i8")


@dataclass(frozen=True, slots=True)
class Ragged:
    """Axes: N arrays, M values in all of them."""

    values: Values
    """(M,) or more."""
    starts: npt.NDArray[np.int64]
    """(N,) Where in `values` each begins."""
    lengths: npt.NDArray[np.int64]
    """(N,)"""

    @classmethod
    def of(cls, arrays: Sequence[Values]) -> "Ragged":
        lengths = np.array([len(each) for each in arrays], np.int64)
        values = np.concatenate(arrays) if len(arrays) else np.zeros(0, np.int32)
        return cls(values, np.cumsum(lengths) - lengths, lengths)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> Values:
        start = self.starts[index]
        return self.values[start : start + self.lengths[index]]

    def __iter__(self) -> Iterator[Values]:
        return (self[i] for i in range(len(self)))

    def flat(self) -> Values:
        """(M,) The values, one array's behind another's."""
        return self.values[positions(self.starts, self.lengths)]


def positions(
    starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Of every value of all arrays, its place."""
    ends = np.cumsum(lengths)
    behind = np.arange(ends[-1] if len(ends) else 0) - np.repeat(
        ends - lengths, lengths
    )
    return np.repeat(starts, lengths) + behind


class Shelf:
    """Ragged arrays on disk."""

    def __init__(self, path: Path, dtype: str) -> None:
        """`path` is without the ending; raises TrainingError if the files are amiss."""
        self._file, self._values = _mapped(path.with_suffix(".values"), dtype)
        self._index, self._offsets = _mapped(path.with_suffix(".offsets"), OFFSETS.str)
        if not len(self._offsets) or self._offsets[-1] != len(self._values):
            raise TrainingError(f"{path}.values and .offsets do not belong together")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int) -> Values:
        start, end = self._offsets[index : index + 2]
        return self._values[start:end]

    def __iter__(self) -> Iterator[Values]:
        """All in a row; what is behind is not kept in memory."""
        for first in range(0, len(self), CHUNK):
            chunk = self.take([slice(first, first + CHUNK)])
            yield from chunk
            self.forget()

    def take(self, runs: Iterable[slice]) -> Ragged:
        """Some runs of them as one; their values stay on disk until they are looked at.

        A slice's step is 1.
        """
        places = [run.indices(len(self))[:2] for run in runs]
        bounds = [self._offsets[start : end + 1] for start, end in places]
        for each in bounds:
            self._fetch(int(each[0]), int(each[-1]))
        return Ragged(
            self._values,
            np.concatenate([each[:-1] for each in bounds]),
            np.concatenate([np.diff(each) for each in bounds]),
        )

    def forget(self) -> None:
        """Gives memory back; what is looked at again comes from disk again."""
        for each in (self._file, self._index):
            each.madvise(mmap.MADV_DONTNEED)

    def _fetch(self, start: int, end: int) -> None:
        """Asks the system to read ahead, which matters most on a network disk."""
        size = self._values.itemsize
        begin = start * size // mmap.PAGESIZE * mmap.PAGESIZE
        if end * size > begin:
            self._file.madvise(mmap.MADV_WILLNEED, begin, end * size - begin)


class ShelfWriter:
    """Writes what Shelf reads; a context manager."""

    def __init__(self, path: Path, dtype: str) -> None:
        self._dtype = dtype
        self._files: list[BinaryIO] = [
            path.with_suffix(ending).open("wb") for ending in (".values", ".offsets")
        ]
        self._end = 0
        self._files[1].write(np.zeros(1, OFFSETS).tobytes())

    def __enter__(self) -> "ShelfWriter":
        return self

    def __exit__(self, *about: object) -> None:
        for each in self._files:
            each.close()

    def add(self, arrays: Ragged) -> None:
        values, offsets = self._files
        values.write(arrays.flat().astype(self._dtype, copy=False).tobytes())
        ends = self._end + np.cumsum(arrays.lengths)
        offsets.write(ends.astype(OFFSETS, copy=False).tobytes())
        self._end += int(arrays.lengths.sum())


def _mapped(path: Path, dtype: str) -> tuple[mmap.mmap, Values]:
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:  # which cannot be mapped
                return mmap.mmap(-1, 1), np.zeros(0, dtype)
            mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        return mapped, np.frombuffer(mapped, dtype)
    except (OSError, ValueError) as cause:
        raise TrainingError(f"{path} is missing or damaged") from cause
