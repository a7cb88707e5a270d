"""PO: messages without a translation get one; every other line stays as it is.

polib says what the messages are. It does not write the file, because it would wrap
lines anew that nobody touched.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

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
from .message import Message
from .patches import Patch, patched

_CHARSET = re.compile(rb'"Content-Type:[^"\n]*charset=([\w.:-]+)', re.I)
# What a template says before anybody chose.
_TO_BE_CHOSEN = b"CHARSET"
_PLACEHOLDERS = re.compile(
    r"%(?:\(\w+\))?[-+#0]*(?:\d+\$)?(?:\d+|\*)?(?:\.(?:\d+|\*))?"
    r"(?:hh|h|ll|l|L|z|j|t)?[diouxXeEfFgGaAcrsSpn@]|\{[\w.:!\[\]]*\}"
)


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
class _Catalog:
    text: str
    encoding: Encoding
    messages: Sequence[Message]
    fuzzy: bool
    format: Format = Format.TEXT

    @property
    def units(self) -> list[Unit]:
        return [
            Unit(source, _place(message))
            for message in self.messages
            for source in message.sources
        ]

    def rebuilt(self, answers: Sequence[Answer]) -> Rebuilt:
        left = iter(answers)
        patches: list[Patch[str]] = []
        remarks: list[Remark] = []
        for message in self.messages:
            sources = message.sources
            texts = [next(left).text for _ in sources]
            lost = sorted(
                {
                    each
                    for pair in zip(sources, texts, strict=True)
                    for each in _lost(*pair)
                }
            )
            if lost:
                place = _place(message)
                remarks.append(Remark(place, "placeholders", ", ".join(lost)))
            patches += message.patches(texts, fuzzy=self.fuzzy or bool(lost))
        data = self.encoding.encode(patched(self.text, patches))
        return Rebuilt(data, tuple(remarks))


def _place(message: Message) -> str:
    return f"message at line {message.line}"


def _messages(text: str) -> Iterator[Message]:
    """Every message but obsolete ones and the header."""
    entries = _entries(text)
    lines = text.splitlines(keepends=True)
    starts = list(accumulate(map(len, lines), initial=0))
    above = list(accumulate((line.count("\n") for line in lines), initial=0))
    firsts = [max(entry.linenum - 1, 0) for entry in entries]
    for entry, (first, end) in zip(
        entries, pairwise([*firsts, len(lines)]), strict=True
    ):
        if not entry.obsolete:
            yield Message(entry, lines[first:end], starts[first], above[first])


def _entries(text: str) -> list[polib.POEntry]:
    if not text.strip():
        return []
    try:
        # The line end tells polib that this is no file's name.
        return list(polib.pofile(text + "\n"))
    except (OSError, ValueError, IndexError) as cause:
        reason = str(cause).replace("Syntax error in po file", "syntax error")
        raise DocumentError(f"it is not PO: {reason}") from cause


def _lost(source: str, text: str) -> list[str]:
    """Placeholders that are not in the translation as often as in the source."""
    wanted, found = (_PLACEHOLDERS.findall(each) for each in (source, text))
    return [
        each for each in {*wanted, *found} if wanted.count(each) != found.count(each)
    ]
