"""Finds what is written in a Markdown document, and where.

The structure is markdown-it's (CommonMark, with GFM's tables and struck-out words).
That knows lines only; so the rules for what holds words are watched while they work,
when it is known where in each line the list, the quote and the indentation end.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock

Rule = Callable[[StateBlock, int, int, bool], bool]

LEAVES = "leaves"
"""Where in the environment of a parse they are collected."""

# The rules to watch, and what each may interrupt, as in markdown_it.parser_block.
WATCHED = {
    "table": ["paragraph", "reference"],
    "html_block": ["paragraph", "reference", "blockquote"],
    "heading": ["paragraph", "reference", "blockquote"],
    "lheading": [],
    "paragraph": [],
}

_FRONT_MATTER = re.compile(r"---[ \t]*\n[^\s]")
_HEADING = re.compile(r"#{1,6}[ \t]*")
_CELL = re.compile(r"(?:[^|\\]|\\.?)*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Written:
    """Words with their marks, without the list, the quote or the table around them."""

    content: str
    places: tuple[int, ...]
    """Where in the document each character is, and where the next would be."""
    rule: str
    """Of markdown-it's, by which it was found."""

    @property
    def in_line(self) -> bool:
        """Whether it does not begin a line, which might be a list's by its words."""
        return self.rule == "heading"


@dataclass(frozen=True, slots=True)
class Page:
    """HTML."""

    start: int
    end: int


Leaf = Written | Page


@dataclass(frozen=True, slots=True)
class Watched:
    """What one rule has read."""

    rule: str
    starts: list[int]
    """Of its lines, after the marks of the lists and quotes they are in."""
    ends: list[int]
    begins: list[int]
    """Of the lines, those marks included."""
    contents: list[str]


def parser() -> MarkdownIt:
    md = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    ruler = md.block.ruler
    rules: dict[str, Rule] = dict(
        zip(ruler.get_active_rules(), ruler.getRules(""), strict=True)
    )
    for name, interrupts in WATCHED.items():
        ruler.at(name, _watched(name, rules[name]), {"alt": interrupts})
    ruler.at("reference", _no_footnotes(rules["reference"]))
    return md


def leaves(md: MarkdownIt, text: str, env: dict[str, Any]) -> list[Leaf]:
    """What people read in a document with no line ends but \\n, in order."""
    skipped = _front_matter(text)
    env[LEAVES] = []
    md.block.parse(text[skipped:], md, env, [])
    found: list[Leaf] = []
    for each in env.pop(LEAVES):
        found += _leaves(each, text[skipped:])
    if skipped:
        found = [_moved(leaf, skipped) for leaf in found]
    return found


def _moved(leaf: Leaf, by: int) -> Leaf:
    if isinstance(leaf, Page):
        return Page(leaf.start + by, leaf.end + by)
    places = tuple(place + by for place in leaf.places)
    return replace(leaf, places=places)


def _front_matter(text: str) -> int:
    """Where the YAML that a document may begin with ends."""
    if not _FRONT_MATTER.match(text):
        return 0
    end = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE).search(text, 4)
    return end.end() if end else 0


def _watched(name: str, rule: Rule) -> Rule:
    def watched(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        num_tokens = len(state.tokens)
        if not rule(state, start, end, silent):
            return False
        if not silent:
            lines = range(start, state.line)
            contents = [
                token.content
                for token in state.tokens[num_tokens:]
                if token.type == "inline"
            ]
            state.env.setdefault(LEAVES, []).append(
                Watched(
                    name,
                    [state.bMarks[line] + state.tShift[line] for line in lines],
                    [state.eMarks[line] for line in lines],
                    [_line_begin(state, line) for line in lines],
                    contents,
                )
            )
        return True

    return watched


def _line_begin(state: StateBlock, line: int) -> int:
    return state.eMarks[line - 1] + 1 if line else 0


def _no_footnotes(rule: Rule) -> Rule:
    """CommonMark takes `[^1]: Words` for a link's address."""

    def reference(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        at = state.bMarks[start] + state.tShift[start]
        return not state.src.startswith("[^", at) and rule(state, start, end, silent)

    return reference


def _leaves(watched: Watched, text: str) -> list[Leaf]:
    """Nothing where it is not certain what is where: that is then copied."""
    if watched.rule == "html_block":
        return _page(watched, text)
    if watched.rule == "table":
        return _cells(watched, text)
    [content] = watched.contents
    if watched.rule == "heading":
        mark = _HEADING.match(text, watched.starts[0])
        start = mark.end() if mark else watched.starts[0]
        places = _places(content, [start], text)
    else:
        places = _places(content, watched.starts, text)
    return [Written(content, places, watched.rule)] if places else []


def _places(content: str, starts: list[int], text: str) -> tuple[int, ...]:
    """Of each character; () if they are not what stands there."""
    places: list[int] = []
    lines = content.split("\n")
    if len(lines) > len(starts):
        return ()
    for line, start in zip(lines, starts, strict=False):
        words = line.lstrip(" \t")
        end = start + len(words)
        if text[start:end] != words:
            return ()
        # Blanks that a line begins with may be tabs of which a list has taken a part.
        places += [start] * (len(line) - len(words))
        places += range(start, end + 1)
    return tuple(places)


def _page(watched: Watched, text: str) -> list[Leaf]:
    """Not if it is in a quote, whose marks would be in it."""
    for begin, start in zip(watched.begins[1:], watched.starts[1:], strict=True):
        if text[begin:start].strip():
            return []
    return [Page(watched.starts[0], watched.ends[-1])]


def _cells(watched: Watched, text: str) -> list[Leaf]:
    """In the first line, and in those after the second."""
    num_columns = _num_columns(watched, text)
    contents = iter(watched.contents)
    found: list[Leaf] = []
    for index, (start, end) in enumerate(
        zip(watched.starts, watched.ends, strict=True)
    ):
        if index == 1:
            continue
        cells = _cells_of(text, start, end)
        for column in range(num_columns):
            content = next(contents, "")
            if column >= len(cells) or not content:
                continue
            places = _cell_places(text, *cells[column])
            if "".join(_shown(text, place) for place in places[:-1]) == content:
                found.append(Written(content, places, watched.rule))
    return found


def _num_columns(watched: Watched, text: str) -> int:
    return len(_cells_of(text, watched.starts[0], watched.ends[0]))


def _cells_of(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Where the cells of a row begin and end, blanks included."""
    line = text[start:end]
    start += len(line) - len(line.lstrip())
    end = start + len(line.strip())
    cells: list[tuple[int, int]] = []
    at = start
    while at <= end:
        cell = _CELL.match(text, at, end)
        stop = cell.end() if cell else at
        cells.append((at, stop))
        at = stop + 1
    if cells and cells[0][0] == cells[0][1]:
        del cells[0]
    if cells and cells[-1][0] == cells[-1][1]:
        del cells[-1]
    return cells


def _cell_places(text: str, start: int, end: int) -> tuple[int, ...]:
    """A pipe in a cell has a backslash before it, wherever it is."""
    words = text[start:end]
    start += len(words) - len(words.lstrip())
    end = start + len(words.strip())
    places: list[int] = []
    at = start
    while at < end:
        places.append(at)
        at += 2 if text.startswith("\\|", at) else 1
    return (*places, end)


def _shown(text: str, place: int) -> str:
    return "|" if text.startswith("\\|", place) else text[place]
