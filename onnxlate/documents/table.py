"""CSV and TSV: columns by name, replaced, filled or added; the dialect stays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from onnxlate.answer import Format
from onnxlate.errors import DocumentError

from .document import Answer, Document, Rebuilt, Settings, Unit, worth_translating
from .encoding import Encoding, decoded
from .patches import Patch, patched
from .table_fields import Row, first_row, rows, spelled

_DELIMITERS = (",", ";", "\t", "|")


def read(data: bytes, settings: Settings) -> Document:
    text, encoding = decoded(data)
    wanted = [_columns(each) for each in settings.columns]
    delimiter = _delimiter(text, [source for source, _ in wanted])
    table = rows(text, delimiter)
    header = [field.value for field in table[0]] if table else []
    if not wanted:
        raise DocumentError(
            "say which columns are to be translated, each as NAME or NAME=NEW; it has "
            f"{', '.join(map(repr, header)) or 'none'}"
        )
    columns = [_column(source, target, header) for source, target in wanted]
    _require_different(columns, header)
    if any(column.target is None for column in columns):
        _require_room(table)
    return _Table(text, encoding, delimiter, table, columns)


@dataclass(frozen=True, slots=True)
class _Column:
    """What is translated, and where the translation goes."""

    source: int
    target: int | None
    """Another column, or the same; None for a new one."""
    name: str
    """Of the target."""


@dataclass(frozen=True, slots=True)
class _Table:
    text: str
    encoding: Encoding
    delimiter: str
    rows: Sequence[Row]
    columns: Sequence[_Column]
    format: Format = Format.TEXT

    @property
    def units(self) -> list[Unit]:
        names = [field.value for field in self.rows[0]]
        return [
            Unit(
                self.rows[number][column.source].value,
                f"row {number + 1}, column {names[column.source]}",
            )
            for number, column in self._cells()
        ]

    def rebuilt(self, answers: Sequence[Answer]) -> Rebuilt:
        answered = zip(self._cells(), answers, strict=True)
        values = {cell: answer.text for cell, answer in answered}
        patches = [
            patch
            for number, row in enumerate(self.rows)
            for patch in self._patches(number, row, values)
        ]
        return Rebuilt(self.encoding.encode(patched(self.text, patches)))

    def _cells(self) -> Iterator[tuple[int, _Column]]:
        """Row and column of every unit."""
        for number, row in enumerate(self.rows):
            for column in self.columns:
                here = bool(number) and column.source < len(row)
                if here and worth_translating(row[column.source].value):
                    yield number, column

    def _patches(
        self, number: int, row: Row, values: dict[tuple[int, _Column], str]
    ) -> Iterator[Patch[str]]:
        added: list[str] = []
        for column in self.columns:
            if column.source >= len(row):
                if column.target is None:
                    added.append("")
                continue
            source = row[column.source]
            # What is not worth translating is its own translation.
            value = values.get((number, column), source.value)
            if column.target is None:
                value = value if number else column.name
                added.append(spelled(value, self.delimiter, quoted=source.quoted))
            elif number and column.target < len(row):
                target = row[column.target]
                if value != target.value:
                    new = target.spelled(value, self.delimiter)
                    yield Patch(target.start, target.end, new)
        if row and any(column.target is None for column in self.columns):
            yield self._addition(row, added)

    def _addition(self, row: Row, added: list[str]) -> Patch[str]:
        """New fields behind the last one, under their names."""
        missing = len(self.rows[0]) - len(row)
        end = row[-1].end
        fields = ["", *[""] * missing, *added]
        return Patch(end, end, self.delimiter.join(fields))


def _columns(wanted: str) -> tuple[str, str]:
    source, equals, target = wanted.partition("=")
    if not source or (equals and not target):
        raise DocumentError(f"the column {wanted!r} is neither NAME nor NAME=NEW")
    return source, target or source


def _delimiter(text: str, names: Sequence[str]) -> str:
    """The one that gives the header the columns; else the one that gives it most."""
    headers = {each: first_row(text, each) for each in _DELIMITERS}
    fitting = [each for each in _DELIMITERS if set(names) <= set(headers[each])]
    return max(fitting or _DELIMITERS, key=lambda each: len(headers[each]))


def _column(source: str, target: str, header: list[str]) -> _Column:
    if source not in header:
        raise DocumentError(
            f"there is no column {source!r}; it has {', '.join(map(repr, header))}"
        )
    place = header.index(target) if target in header else None
    return _Column(header.index(source), place, target)


def _require_room(table: Sequence[Row]) -> None:
    """For another column behind the header's last one."""
    for number, row in enumerate(table, 1):
        if len(row) > len(table[0]):
            raise DocumentError(
                f"row {number} has {len(row)} fields and the header {len(table[0])}; "
                "no column can be added"
            )


def _require_different(columns: Sequence[_Column], header: Sequence[str]) -> None:
    targets = [column.name for column in columns]
    for name in targets:
        if targets.count(name) > 1:
            raise DocumentError(f"two columns are to be translated into {name!r}")
