"""Reads Markdown: which of it people read, and what goes around that."""

import re
from bisect import bisect_left
from typing import Any

from .atoms import Part
from .entities import TEXT
from .html import HtmlReader
from .markdown_blocks import Page, Written, leaves
from .markdown_inline import PARSER, InlineReader
from .markdown_spelling import spelling
from .run import Run

_LINE_END = re.compile(r"\r\n?")


def read_markdown(text: str) -> list[Part]:
    return _Reader(text).parts()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._lines, self._returns = _one_line_end(text)
        self._env: dict[str, Any] = {"references": {}}
        self._run = Run(TEXT)
        self._html = HtmlReader(self._run)
        self._spelling = spelling(self._env)
        self._cell_spelling = spelling(self._env, in_table=True)

    def parts(self) -> list[Part]:
        at = 0
        for leaf in leaves(PARSER, self._lines, self._env):
            start = leaf.start if isinstance(leaf, Page) else leaf.places[0]
            end = leaf.end if isinstance(leaf, Page) else leaf.places[-1]
            self._run.cut(self._raw(at, start))
            if isinstance(leaf, Page):
                self._run.spelling = TEXT
                self._html.read(self._raw(start, end))
            else:
                self._written(leaf)
            at = end
        self._run.cut(self._raw(at, len(self._lines)))
        return self._run.finish()

    def _written(self, leaf: Written) -> None:
        self._run.spelling = self._cell_spelling if leaf.in_table else self._spelling
        raw = [
            self._raw(a, b) for a, b in zip(leaf.places, leaf.places[1:], strict=False)
        ]
        InlineReader(self._run, self._html, self._env).read(leaf.content, raw)

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
