"""PO: messages without a translation get one; every other line stays as it is.

polib says what the messages are. It does not write the file, because it would wrap
lines anew that nobody touched.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polib

from onnxlate.answer import Format
from onnxlate.errors import DocumentError

from .document import (
    Answer,
    Document,
    Rebuilt,
    Remark,
    Settings,
    Unit,
    worth_translating,
)
from .encoding import Encoding, decoded
from .patches import Patch, patched

_CHARSET = re.compile(rb'"Content-Type:[^"\n]*charset=([\w.:-]+)', re.I)
# What a template says before anybody chose.
_TO_BE_CHOSEN = b"CHARSET"
_PLACEHOLDERS = re.compile(
    r"%(?:\(\w+\))?[-+#0]*(?:\d+\$)?(?:\d+|\*)?(?:\.(?:\d+|\*))?"
    r"(?:hh|h|ll|l|L|z|j|t)?[diouxXeEfFgGaAcrsSpn@]|\{[\w.:!\[\]]*\}"
)
_TRANSLATION = re.compile(r'msgstr(?:\[(\d+)\])?\s*"')


def read(data: bytes, settings: Settings) -> Document:
    charset = _CHARSET.search(data)
    declared = charset[1] if charset and charset[1] != _TO_BE_CHOSEN else b"utf-8"
    text, encoding = decoded(data, declared.decode())
    messages = [
        message
        for message in _messages(text)
        if worth_translating(message.entry.msgid)
        and (settings.retranslate or not message.has_translation)
    ]
    return _Catalog(text, encoding, messages, settings.fuzzy)


@dataclass(frozen=True, slots=True)
class _Message:
    """An entry, and the lines of the file in which it stands."""

    entry: polib.POEntry
    lines: list[str]
    start: int
    """Index in the file of the first of them."""
    sources: list[str] = field(default_factory=list)
    """The texts to translate: one for each msgstr."""

    @property
    def has_translation(self) -> bool:
        plurals = self.entry.msgstr_plural
        return any(plurals.values()) if plurals else bool(self.entry.msgstr)


@dataclass(frozen=True, slots=True)
class _Catalog:
    text: str
    encoding: Encoding
    messages: Sequence[_Message]
    fuzzy: bool
    format: Format = Format.TEXT

    @property
    def units(self) -> list[Unit]:
        return [
            Unit(source, f"message at line {self._line(message)}")
            for message in self.messages
            for source in message.sources
        ]

    def rebuilt(self, answers: Sequence[Answer]) -> Rebuilt:
        left = iter(answers)
        patches: list[Patch[str]] = []
        remarks: list[Remark] = []
        for message in self.messages:
            texts = [next(left).text for _ in message.sources]
            lost = [
                each
                for source, text in zip(message.sources, texts, strict=True)
                for each in _lost(source, text)
            ]
            if lost:
                place = f"message at line {self._line(message)}"
                remarks.append(Remark(place, "placeholders", ", ".join(lost)))
            patches += _patches(message, texts, fuzzy=self.fuzzy or bool(lost))
        return Rebuilt(
            self.encoding.encode(patched(self.text, patches)), tuple(remarks)
        )

    def _line(self, message: _Message) -> int:
        """Of its msgid, where editors are to go."""
        before = self.text.count("\n", 0, message.start)
        return before + 1 + _first(message.lines, "msgid")


def _messages(text: str) -> Iterator[_Message]:
    """Every message but obsolete ones and the header."""
    entries = _entries(text)
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    firsts = [max(entry.linenum - 1, 0) for entry in entries] + [len(lines)]
    for entry, first, end in zip(entries, firsts, firsts[1:], strict=False):
        if entry.obsolete:
            continue
        own = lines[first:end]
        texts = [m for line in own if (m := _TRANSLATION.match(line.strip()))]
        sources = [
            entry.msgid_plural
            if int(match[1] or 0) or _only_form(texts, entry)
            else entry.msgid
            for match in texts
        ]
        yield _Message(entry, own, starts[first], sources)


def _only_form(texts: Sequence[object], entry: polib.POEntry) -> bool:
    """Where a language has one form for any number, it is that for many."""
    return bool(entry.msgid_plural) and len(texts) == 1


def _entries(text: str) -> list[polib.POEntry]:
    if not text.strip():
        return []
    try:
        # The line end tells polib that this is no file's name.
        return list(polib.pofile(text + "\n"))
    except (OSError, ValueError, IndexError) as cause:
        reason = str(cause).replace("Syntax error in po file", "syntax error")
        raise DocumentError(f"it is not PO: {reason}") from cause


def _patches(
    message: _Message, texts: Sequence[str], *, fuzzy: bool
) -> Iterator[Patch[str]]:
    """New msgstr blocks, and the flag before them."""
    lines = message.lines
    end = "\r\n" if lines[0].endswith("\r\n") else "\n"
    at = message.start
    left = iter(texts)
    starts = [at]
    for line in lines:
        starts.append(starts[-1] + len(line))
    number = 0
    while number < len(lines):
        match = _TRANSLATION.match(lines[number].strip())
        if not match:
            number += 1
            continue
        last = number + 1
        while last < len(lines) and lines[last].strip().startswith('"'):
            last += 1
        old = "".join(lines[number:last])
        keyword = "msgstr" if match[1] is None else f"msgstr[{match[1]}]"
        new = end.join(_spelled(keyword, next(left)))
        new += old[len(old.rstrip("\r\n")) :]
        yield Patch(starts[number], starts[last], new)
        number = last
    if fuzzy and "fuzzy" not in message.entry.flags:
        yield _flagged(lines, starts, end)


def _flagged(lines: Sequence[str], starts: Sequence[int], end: str) -> Patch[str]:
    """`#, fuzzy` where gettext's tools put it: first among the flags."""
    flags = _first(lines, "#,")
    if flags < len(lines):
        at = starts[flags] + lines[flags].index("#,") + len("#,")
        return Patch(at, at, " fuzzy,")
    at = starts[
        min(_first(lines, "#|"), _first(lines, "msgctxt"), _first(lines, "msgid"))
    ]
    return Patch(at, at, f"#, fuzzy{end}")


def _first(lines: Sequence[str], beginning: str) -> int:
    """Index of the first such line; how many there are, if there is none."""
    found = (i for i, line in enumerate(lines) if line.lstrip().startswith(beginning))
    return next(found, len(lines))


def _spelled(keyword: str, text: str) -> list[str]:
    """The lines of a msgstr as gettext's tools would wrap them."""
    written = str(polib.POEntry(msgid="", msgstr=text)).rstrip("\n").split("\n")
    first = next(i for i, line in enumerate(written) if line.startswith("msgstr"))
    return [keyword + written[first].removeprefix("msgstr"), *written[first + 1 :]]


def _lost(source: str, text: str) -> list[str]:
    """Placeholders that are not in the translation as often as in the source."""
    wanted, found = (sorted(_PLACEHOLDERS.findall(each)) for each in (source, text))
    if wanted == found:
        return []
    return sorted(
        {each for each in wanted + found if wanted.count(each) != found.count(each)}
    )
