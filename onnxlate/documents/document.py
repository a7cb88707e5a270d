"""What a file is to the translation: texts, each with a place, and a way back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from onnxlate.answer import AlignmentLink, Format


@dataclass(frozen=True, slots=True)
class Unit:
    """A text that is translated on its own."""

    text: str
    place: str
    """Where it stands, for people: "cue 7", "row 3, column title"."""
    line: int | None = None
    """Number of its first line, where the text stands in the file as it is."""

    aligned: bool = False
    """Whether links between words help to lay its translation back."""

    def where(self, at: int = 0) -> str:
        """The place of one of its characters."""
        if self.line is None:
            return self.place
        return f"line {self.line + self.text.count(chr(10), 0, at)}"


@dataclass(frozen=True, slots=True)
class Remark:
    """What a careful reader should look at, and where."""

    place: str
    kind: str
    details: str

    def __str__(self) -> str:
        return f"{self.place}: {self.kind}: {self.details}".removesuffix(": ")


@dataclass(frozen=True, slots=True)
class Answer:
    """A unit's translation."""

    text: str
    links: tuple[AlignmentLink, ...] = ()
    """None, if the unit does not ask for them or the server does not know."""


class Document(Protocol):
    """A file, read. What is no unit's text goes through it byte for byte."""

    @property
    def format(self) -> Format: ...

    @property
    def units(self) -> Sequence[Unit]:
        """In the order of the file."""

    def rebuilt(self, answers: Sequence[Answer]) -> "Rebuilt":
        """The file with these in place of its units, one for each."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    data: bytes
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user can say about how a file is read."""

    keys: tuple[str, ...] = ()
    """JSON: which values, by the path or name of their keys; none for all."""
    columns: tuple[str, ...] = ()
    """CSV: SOURCE to replace a column, SOURCE=TARGET to fill or add one."""
    retranslate: bool = False
    """PO: whether entries that have a translation get another."""
    fuzzy: bool = True
    """PO: whether new translations are marked as such that a person must look at."""


def worth_translating(text: str) -> bool:
    """Whether there are words in it, and it can be sent at all."""
    return any(map(str.isalpha, text)) and not _has_half_characters(text)


def _has_half_characters(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
