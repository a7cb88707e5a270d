"""The files of a job: a shard's translation appears whole, or not at all.

FOLDER/shards/0000017.jsonl has a line of JSON for each line of the shard. The outputs
are put together of them when all are there, and appear whole as well.
"""

import glob
import gzip
import json
import os
import shutil
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from onnxlate.documents.journal import Doubt
from onnxlate.errors import ConfigError, CorpusError

from ..durable import sync
from .job import FILE, Job
from .plan import Source

UNTRANSLATED = "not translated"


@dataclass(frozen=True, slots=True)
class Line:
    """What a line came to."""

    text: str
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A shard's, within its job."""

    number: int
    """Among all shards of the job."""
    source: int
    shard: int
    """Among those of its source."""


class Shelf:
    def __init__(self, folder: Path, job: Job) -> None:
        self.folder = folder
        self._job = job
        self._shards = folder / "shards"

    def places(self) -> list[Place]:
        """Of all shards, in order."""
        found: list[Place] = []
        for at, source in enumerate(self._job.sources):
            found += [
                Place(len(found) + shard, at, shard)
                for shard in range(len(source.shards))
            ]
        return found

    def output(self, source: int) -> Path:
        return self.folder / self._job.outputs[source]

    def warnings(self, source: int) -> Path:
        return self.folder / f"{self._job.outputs[source]}.warnings.jsonl"

    def finished(self, source: int) -> bool:
        """Whether its output is there."""
        return self.output(source).exists()

    def has(self, place: Place) -> bool:
        # In this order: shards are removed, but only when the output is there.
        return self._path(place.number).exists() or self.finished(place.source)

    def put(self, place: Place, lines: Sequence[Line]) -> None:
        self._shards.mkdir(exist_ok=True)
        with self._appearing(self._path(place.number)) as file:
            for line in lines:
                doubts = [[each.kind, each.details] for each in line.doubts]
                file.write(json.dumps([line.text, doubts], ensure_ascii=False).encode())
                file.write(b"\n")

    def put_together(self, source: int) -> None:
        """The output of all its shards, and what is doubtful in it before."""
        numbers = [each.number for each in self.places() if each.source == source]
        with self._appearing(self.warnings(source)) as file:
            lines = self._lines(self._job.sources[source], numbers)
            for at, line in enumerate(lines, start=1):
                for doubt in line.doubts:
                    record = {"line": at, "kind": doubt.kind, "details": doubt.details}
                    file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
        output = self.output(source)
        with self._appearing(output) as file, _packed(file, output) as out:
            for line in self._lines(self._job.sources[source], numbers):
                out.write(line.text.encode() + b"\n")

    def clear(self) -> None:
        """When all outputs are there."""
        shutil.rmtree(self._shards, ignore_errors=True)
        for name in (FILE, *self._job.outputs):  # of processes that were killed
            for left in self.folder.glob(f".{glob.escape(name)}.*"):
                left.unlink(missing_ok=True)

    def warning_counts(self, source: int) -> Counter[str]:
        """How many of each kind are in an output that is there; none where somebody
        has taken the file away since."""
        path = self.warnings(source)
        if not path.exists():
            return Counter()
        with path.open(encoding="utf-8") as file:
            return Counter(str(json.loads(line)["kind"]) for line in file)

    def _path(self, number: int) -> Path:
        return self._shards / f"{number:07}.jsonl"

    def _lines(self, source: Source, numbers: Sequence[int]) -> Iterator[Line]:
        for shard, number in zip(source.shards, numbers, strict=True):
            path = self._path(number)
            try:
                with path.open("rb") as file:
                    lines = [_line(row) for row in file]
            except ValueError:
                lines = []
            if len(lines) != shard.lines:
                raise CorpusError(
                    f"{path} has not the {shard.lines} lines that it should have; "
                    "remove it, and the same command translates it again"
                )
            yield from lines

    @contextmanager
    def _appearing(self, path: Path) -> Iterator[IO[bytes]]:
        """A file that is there when all is written, and on the disk."""
        name = f".{path.name}.{socket.gethostname()}.{os.getpid()}"
        new = path.with_name(name)
        try:
            with new.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            sync(path.parent)
        except OSError as cause:
            raise ConfigError(f"cannot write {path}: {cause.strerror}") from cause
        finally:
            new.unlink(missing_ok=True)


@contextmanager
def _packed(file: IO[bytes], path: Path) -> Iterator[IO[bytes]]:
    if path.suffix != ".gz":
        yield file
        return
    # Without a name and a time, so that equal text gives equal files.
    with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        yield packed  # type: ignore[misc]  # it has what is used of IO


def _line(row: bytes) -> Line:
    text, doubts = json.loads(row)
    return Line(text, tuple(Doubt(kind, details, 0) for kind, details in doubts))
