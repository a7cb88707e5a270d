"""JSON: strings that are values; keys, numbers, order and white space stay."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from onnxlate.answer import Format
from onnxlate.errors import DocumentError

from .document import Answer, Document, Rebuilt, Settings, Unit, worth_translating
from .encoding import Encoding, decoded
from .patches import Patch, patched

_NEXT = re.compile(r'[\[\]{}:,"]')


def read(data: bytes, settings: Settings) -> Document:
    text, encoding = decoded(data)
    _require_json(text)
    strings = [
        each
        for each in _values(text)
        if worth_translating(each.value) and _wanted(each.path, settings.keys)
    ]
    if settings.keys and not strings:
        patterns = ", ".join(settings.keys)
        raise DocumentError(
            f"no value with words in it has a key like {patterns}; patterns are "
            "compared with whole paths, such as menu.items.0.title, or with the last "
            "key alone"
        )
    return _JsonFile(text, encoding, strings)


@dataclass(frozen=True, slots=True)
class _Value:
    """A string, with its quotes, in the text of a file."""

    path: tuple[str | int, ...]
    """Keys, and numbers in arrays, that lead to it."""
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _JsonFile:
    text: str
    encoding: Encoding
    strings: Sequence[_Value]
    format: Format = Format.TEXT

    @property
    def units(self) -> list[Unit]:
        return [
            Unit(each.value, _name(each.path) or "the value") for each in self.strings
        ]

    def rebuilt(self, answers: Sequence[Answer]) -> Rebuilt:
        # A file that spells its characters as \u00e4 goes on doing so.
        ascii_only = self.text.isascii() and "\\u" in self.text
        patches = [
            Patch(
                each.start, each.end, json.dumps(answer.text, ensure_ascii=ascii_only)
            )
            for each, answer in zip(self.strings, answers, strict=True)
            if answer.text != each.value
        ]
        return Rebuilt(self.encoding.encode(patched(self.text, patches)))


def _require_json(text: str) -> None:
    try:
        # As strings, because nobody needs a number's value here, however long it is.
        json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as cause:
        raise DocumentError(f"it is not JSON: {cause}") from cause
    except RecursionError as cause:
        raise DocumentError("its objects are nested too deeply") from cause


def _values(text: str) -> Iterator[_Value]:
    """Every string that is no key, in order; the text must be JSON."""
    path: list[str | int] = []
    """The key or number of the value under way at every open bracket."""
    strings = json.JSONDecoder()
    at_key = False
    at = 0
    while found := _NEXT.search(text, at):
        at = found.end()
        match found[0]:
            case "{" | "[" as bracket:
                path.append("" if bracket == "{" else 0)
                at_key = bracket == "{"
            case "}" | "]":
                path.pop()
            case ",":
                last = path[-1]
                at_key = isinstance(last, str)
                path[-1] = last if isinstance(last, str) else last + 1
            case ":":
                at_key = False
            case _:
                value, at = strings.raw_decode(text, found.start())
                if at_key:
                    path[-1] = value
                else:
                    yield _Value(tuple(path), value, found.start(), at)


def _wanted(path: tuple[str | int, ...], patterns: Sequence[str]) -> bool:
    keys = [key for key in path if isinstance(key, str)]
    last = keys[-1] if keys else ""
    return not patterns or any(
        fnmatchcase(_name(path), pattern) or fnmatchcase(last, pattern)
        for pattern in patterns
    )


def _name(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))
