"""What is translated already, in a file beside the output, so that a run can go on.

A line of JSON for each text, written as it comes. A text is known by a digest of
itself, the options and the model: where one of them changes, nothing is taken up.
"""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from onnxlate.answer import AlignmentLink, Span
from onnxlate.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something a careful reader should look at."""

    kind: str
    details: str
    at: int
    """Index of the character of the unit where it begins."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a server said of a text."""

    text: str
    links: tuple[AlignmentLink, ...] = ()
    doubts: tuple[Doubt, ...] = ()


def key_of(text: str, options: Mapping[str, Any]) -> str:
    """The same for the same text, translated by the same model in the same way."""
    said = json.dumps([text, sorted(options.items())], default=repr)
    return sha256(said.encode()).hexdigest()[:32]


class Journal:
    """Records by key; a context in which they are written through.

    Without a path it remembers nothing. It stays when the context ends, until
    `remove`.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._records: dict[str, Record] = {}
        self._file: int | None = None

    def __enter__(self) -> Self:
        if self._path is None:
            return self
        try:
            # Appended to, and not buffered: what is here when we are killed stays.
            self._file = os.open(
                self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666
            )
            data = self._path.read_bytes()
        except OSError as cause:
            raise ConfigError(f"cannot write {self._path}: {cause.strerror}") from cause
        for line in data.splitlines():
            self._records.update(_read(line))
        if data and not data.endswith(b"\n"):  # killed in the middle of a line
            os.write(self._file, b"\n")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._path is not None:  # where nothing came, nothing is left behind
            with suppress(FileNotFoundError):
                if not self._path.stat().st_size:
                    self._path.unlink()

    @property
    def num_kept(self) -> int:
        """Records that a later run can take up."""
        return len(self._records) if self._path else 0

    def get(self, key: str) -> Record | None:
        return self._records.get(key)

    def add(self, records: Iterable[tuple[str, Record]]) -> None:
        if self._file is None:
            return
        new = dict(records)
        self._records.update(new)
        lines = b"".join(_line(key, record) for key, record in new.items())
        try:
            while lines:
                lines = lines[os.write(self._file, lines) :]
        except OSError as cause:
            raise ConfigError(f"cannot write {self._path}: {cause.strerror}") from cause

    def remove(self) -> None:
        """When what it is for is written."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None


def _line(key: str, record: Record) -> bytes:
    links = [
        [
            *(link.source.start, link.source.end, link.target.start, link.target.end),
            round(link.probability, 4),
        ]
        for link in record.links
    ]
    doubts = [[each.kind, each.details, each.at] for each in record.doubts]
    values = {"key": key, "text": record.text, "links": links, "doubts": doubts}
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def _read(line: bytes) -> dict[str, Record]:
    """The record of a line by its key; nothing, if the line was not written whole."""
    try:
        values = json.loads(line)
        links = tuple(
            AlignmentLink(Span(a, b), Span(c, d), probability)
            for a, b, c, d, probability in values["links"]
        )
        doubts = tuple(Doubt(*each) for each in values["doubts"])
        return {values["key"]: Record(str(values["text"]), links, doubts)}
    except (ValueError, KeyError, TypeError):
        return {}
