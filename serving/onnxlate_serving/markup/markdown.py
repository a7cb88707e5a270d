"""Reads Markdown: which of it people read, and what goes around that."""

import re
from bisect import bisect_left
from functools import partial
from typing import Any

from .atoms import Copied, Passage
from .entities import in_text
from .html import HtmlReader
from .markdown_blocks import Page, Written, leaves
from .markdown_inline import PARSER, InlineReader
from .markdown_spelling import in_cell, in_underlined, in_words, sound
from .run import Run

SPELLINGS = {"table": in_cell, "lheading": in_underlined}

MAX_BRACKETS = 1000
"""In one paragraph. markdown-it looks far ahead at each, and people write no more."""

MAX_MARKS = 10_000
"""In one text, and lines. markdown-it tries its rules on each: up to 0.5 ms, with all
that comes after it. People write one in twenty characters."""

_MARK = re.compile(r"[\n\\`*_\[\]<~&|]")
_LINE_END = re.compile(r"\r\n?")


def read_markdown(text: str) -> list[Passage]:
    num_marks = sum(1 for _ in _MARK.finditer(text))
    if num_marks > MAX_MARKS:
        return [_not_read(text, f"it has {num_marks} lines and marks")]
    return _Reader(text).passages()


def _not_read(raw: str, because: str) -> Passage:
    return Passage([Copied(raw, untranslated=because)])


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._lines, self._returns = _one_line_end(text)
        self._env: dict[str, Any] = {"references": {}}
        self._run = Run(in_text)
        self._html = HtmlReader(self._run)
        self._passages: list[Passage] = []

    def passages(self) -> list[Passage]:
        at = 0
        for leaf in leaves(PARSER, self._lines, self._env):
            start = leaf.start if isinstance(leaf, Page) else leaf.places[0]
            end = leaf.end if isinstance(leaf, Page) else leaf.places[-1]
            self._cut(self._raw(at, start))
            if isinstance(leaf, Page):
                self._run.spelling = in_text
                self._html.read(self._raw(start, end))
            elif leaf.content.count("[") > MAX_BRACKETS:
                self._cut("")
                because = f"it has more than {MAX_BRACKETS} brackets"
                self._passages.append(_not_read(self._raw(start, end), because))
            else:
                self._written(leaf)
            at = end
        self._cut(self._raw(at, len(self._lines)))
        return self._passages

    def _written(self, leaf: Written) -> None:
        self._run.spelling = SPELLINGS.get(leaf.rule, in_words)
        raw = [
            self._raw(a, b) for a, b in zip(leaf.places, leaf.places[1:], strict=False)
        ]
        InlineReader(self._run, self._html, self._env).read(leaf.content, raw)
        parts = self._run.take()
        check = partial(sound, leaf.content, self._env, leaf.in_line)
        self._passages.append(Passage(parts, check))

    def _cut(self, raw: str) -> None:
        self._run.cut(raw)
        self._passages += [Passage([part]) for part in self._run.take()]

    def _raw(self, start: int, end: int) -> str:
        """As it is in the text, line ends and all."""
        if self._returns:
            start += bisect_left(self._returns, start)
            end += bisect_left(self._returns, end)
        return self._text[start:end]


def _one_line_end(text: str) -> tuple[str, list[int]]:
    """With \\n for every line end; and where it was two characters."""
    if "\r" not in text:
        return text.replace("\0", "\ufffd"), []
    returns: list[int] = []
    for match in _LINE_END.finditer(text):
        if len(match[0]) == 2:
            returns.append(match.start() - len(returns))
    return _LINE_END.sub("\n", text).replace("\0", "\ufffd"), returns
