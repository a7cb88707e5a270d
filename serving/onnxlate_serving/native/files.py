"""A bundle's files in memory: mapped, each once, and not read."""

import mmap
from pathlib import Path


class MappedFiles:
    """What is looked at takes memory, in pages, until it is forgotten."""

    def __init__(self) -> None:
        self._maps: dict[Path, mmap.mmap] = {}

    def content(self, path: Path) -> memoryview:
        """Raises OSError, or ValueError for an empty file."""
        if path not in self._maps:
            with path.open("rb") as file:
                self._maps[path] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return memoryview(self._maps[path])

    def forget(self) -> None:
        """Gives back the memory of what was looked at; it may be looked at again."""
        for each in self._maps.values():
            if hasattr(mmap, "MADV_DONTNEED"):
                each.madvise(mmap.MADV_DONTNEED)
