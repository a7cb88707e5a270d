"""Where the shards of a file are, and their lines again when it is their turn.

Only newlines end lines, as everywhere here (parallel_text.py). A shard is known by its
bytes, so that a source that was changed since is noticed when it is read.
"""

import gzip
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from onnxlate.errors import CorpusError

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_UNREADABLE = (OSError, EOFError, zlib.error)
"""What a file says that is not there, or a .gz file that is damaged."""


class Shard(BaseModel):
    """Some whole lines of a source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: NonNegativeInt
    """Byte, of what a .gz file holds unpacked, at which its first line begins."""
    size: PositiveInt
    """Bytes, with the ends of the lines."""
    lines: PositiveInt
    digest: str
    """Of its bytes."""


class Source(BaseModel):
    """A file of the corpus, as it was when the job began."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Without its folder, which may be another on each machine."""
    size: NonNegativeInt
    """Bytes of the file itself."""
    shards: tuple[Shard, ...]

    @property
    def lines(self) -> int:
        return sum(shard.lines for shard in self.shards)


def planned(path: Path, lines_per_shard: int) -> Source:
    """Reads it once; raises CorpusError."""
    try:
        size = path.stat().st_size  # before, so that what is added later is noticed
    except OSError as cause:
        raise CorpusError(f"cannot read {path}: {cause.strerror}") from cause
    if not path.is_file():
        # A pipe is empty after the first reading, and there are two.
        raise CorpusError(f"{path} is no ordinary file; write its lines to one first")
    with _Bytes(path) as content:
        shards = tuple(_shards(content, lines_per_shard))
    return Source(name=path.name, size=size, shards=shards)


class Text:
    """The lines of one source's shards; those of a .gz file are best asked for in
    order, since it has to be unpacked from the start for one further back."""

    def __init__(self, path: Path) -> None:
        """Raises CorpusError."""
        self._path = path
        self._content = _Bytes(path)

    def lines(self, shard: Shard) -> list[str]:
        """Without their ends; bytes that are not UTF-8 become U+FFFD.

        Raises CorpusError if it is not what it was when the job began.
        """
        data = self._content.at(shard.start, shard.size)
        if _digest(data) != shard.digest:
            raise CorpusError(
                f"{self._path} is not what it was when the job began; take another "
                "folder for another job"
            )
        if not shard.start:
            data = data.removeprefix(_BYTE_ORDER_MARK)
        lines = data.removesuffix(b"\n").split(b"\n")
        return [line.removesuffix(b"\r").decode("utf-8", "replace") for line in lines]

    def close(self) -> None:
        self._content.close()


class _Bytes:
    """A file's content, unpacked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            if path.suffix == ".gz":
                self._file: BinaryIO = cast(BinaryIO, gzip.open(path))  # noqa: SIM115
            else:
                self._file = path.open("rb")
        except OSError as cause:
            raise self._error(cause) from cause

    def lines(self) -> Iterator[bytes]:
        try:
            yield from self._file
        except _UNREADABLE as cause:
            raise self._error(cause) from cause

    def at(self, start: int, size: int) -> bytes:
        try:
            self._file.seek(start)
            return self._file.read(size)
        except _UNREADABLE as cause:
            raise self._error(cause) from cause

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _error(self, cause: Exception) -> CorpusError:
        reason = getattr(cause, "strerror", None) or cause
        return CorpusError(f"cannot read {self._path}: {reason}")


def _shards(content: _Bytes, lines_per_shard: int) -> Iterator[Shard]:
    start, kept = 0, list[bytes]()
    for line in content.lines():
        kept.append(line)
        if len(kept) == lines_per_shard:
            yield (shard := _shard(start, kept))
            start, kept = start + shard.size, []
    if kept:
        yield _shard(start, kept)


def _shard(start: int, lines: list[bytes]) -> Shard:
    data = b"".join(lines)
    return Shard(start=start, size=len(data), lines=len(lines), digest=_digest(data))


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:16]
