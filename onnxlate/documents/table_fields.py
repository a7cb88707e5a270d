"""The fields of a delimited file, each with the place where it stands.

Python's csv module says what the fields are; it does not say where. So the places are
found here, and a file in which the two do not see the same fields is refused.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from onnxlate.errors import DocumentError

LINE_ENDS = ("\r\n", "\n", "\r")


@dataclass(frozen=True, slots=True)
class Field:
    """A field, quotes included, in the text of a file."""

    value: str
    start: int
    end: int
    quoted: bool

    def spelled(self, value: str, delimiter: str) -> str:
        """Another value, in the way of this one."""
        return spelled(value, delimiter, quoted=self.quoted)


Row = list[Field]


def spelled(value: str, delimiter: str, *, quoted: bool) -> str:
    if quoted or any(mark in value for mark in (delimiter, '"', "\n", "\r")):
        return '"' + value.replace('"', '""') + '"'
    return value


def first_row(text: str, delimiter: str) -> list[str]:
    return next(_reader(text, delimiter), [])


def rows(text: str, delimiter: str) -> list[Row]:
    """Every row of the file; a line without anything in it is a row without fields."""
    found = list(_rows(text, delimiter))
    expected = list(_reader(text, delimiter))
    for number, (row, values) in enumerate(zip(found, expected, strict=False), 1):
        if [field.value for field in row] != values:
            raise DocumentError(_unclear(number, values))
    if len(found) != len(expected):
        raise DocumentError(_unclear(min(len(found), len(expected)) + 1, []))
    return found


def _reader(text: str, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        yield from reader
    except csv.Error as cause:
        raise DocumentError(f"line {reader.line_num} is not CSV: {cause}") from cause


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    after_value = re.compile(f"[{re.escape(delimiter)}\r\n]|\\Z")
    row: Row = []
    at = 0
    while at < len(text):
        if not row and (end := _line_end(text, at)):  # a blank line
            yield []
            at += end
            continue
        field = _field(text, at, after_value)
        row.append(field)
        at = field.end
        if text.startswith(delimiter, at):
            at += 1
            if at == len(text) or _line_end(text, at):
                row.append(Field("", at, at, quoted=False))
            else:
                continue
        yield row
        row = []
        at += _line_end(text, at)


def _field(text: str, start: int, after_value: re.Pattern[str]) -> Field:
    if not text.startswith('"', start):
        end = _found(after_value, text, start)
        return Field(text[start:end], start, end, quoted=False)
    at = start + 1
    while (quote := text.find('"', at)) >= 0 and text.startswith('""', quote):
        at = quote + 2
    if quote < 0:
        line = text.count("\n", 0, start) + 1
        raise DocumentError(f'line {line} opens a " that nothing closes')
    end = _found(after_value, text, quote + 1)
    value = text[start + 1 : quote].replace('""', '"') + text[quote + 1 : end]
    return Field(value, start, end, quoted=True)


def _found(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.search(text, start)
    assert match is not None  # the end of the text matches
    return match.start()


def _line_end(text: str, at: int) -> int:
    """Length of the line end that stands there; 0 if there is none."""
    return next((len(end) for end in LINE_ENDS if text.startswith(end, at)), 0)


def _unclear(number: int, values: Sequence[str]) -> str:
    return (
        f"row {number} can be read in several ways ({len(values)} fields, for one); "
        'put " around fields that hold delimiters, quotes or line ends'
    )
