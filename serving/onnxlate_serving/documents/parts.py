"""The parts of a text that are translated; what stands between them is copied."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from onnxlate.answer import Span

from .characters import LINE_BREAKS, has_letters, trimmed
from .clauses import NumTokens, clauses
from .layout import blocks
from .sentences import sentences

_GAP = re.compile(rf"\s{{2,}}|[{LINE_BREAKS}]")


@dataclass(frozen=True, slots=True)
class Gap:
    """White space within a sentence that is layout: a line's end, or several blanks."""

    at: int
    """Where the one blank stands that the model reads for it."""
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """A sentence, or a clause of a long one."""

    source: Span
    text: str
    """As the model reads it: one blank for each gap."""
    gaps: tuple[Gap, ...] = ()


class Splitter(Protocol):
    def __call__(self, text: str) -> list[Part]:
        """The parts of a text, in order."""


def splitter(language: str, num_tokens: NumTokens, most_tokens: int) -> Splitter:
    """For texts of that language, into parts of at most so many tokens."""

    def split(text: str) -> list[Part]:
        return list(_parts(text, language, num_tokens, most_tokens))

    return split


def _parts(
    text: str, language: str, num_tokens: NumTokens, most_tokens: int
) -> Iterator[Part]:
    for block in blocks(text):
        if not has_letters(block.of(text)):
            continue
        for sentence in sentences(text, block, language):
            for clause in clauses(text, sentence, num_tokens, most_tokens):
                span = Span(*trimmed(text, clause.start, clause.end))
                if has_letters(span.of(text)):
                    yield _part(text, span)


def _part(text: str, span: Span) -> Part:
    source = span.of(text)
    said: list[str] = []
    gaps: list[Gap] = []
    start = num_said = 0
    for gap in _GAP.finditer(source):
        said += (source[start : gap.start()], " ")
        num_said += gap.start() - start + 1
        gaps.append(Gap(num_said - 1, gap.group()))
        start = gap.end()
    said.append(source[start:])
    return Part(span, "".join(said), tuple(gaps))
