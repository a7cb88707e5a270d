"""Reads what is between the line ends of Markdown: emphasis, links, code, HTML.

markdown-it keeps no places in a line either; again its rules are watched at work, and
every character is of one rule, or words.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from onnxlate.answer import ItemKind

from .atoms import SOFT_BREAK, Atom, Block, Kind, Value
from .html import HtmlReader
from .markdown_blocks import parser
from .parts import parts_of
from .run import Run

Rule = Callable[[StateInline, bool], bool]

EVENTS = "events"
"""Where in the environment of a parse they are collected, by state."""

_BLANKS = re.compile(r"([ \t]{2,}|\t)")
_FOOTNOTE = re.compile(r"\[\^[^\]\s\[]{1,100}\]")
_AT_START = re.compile(
    rf"\[[ xX]\][ \t]+|\[![A-Z]{{1,20}}\]|{_FOOTNOTE.pattern}(?::[ \t]*)?"
)
WATCHED = {
    "newline": "\n",
    "escape": "\\",
    "backticks": "`",
    "strikethrough": "~",
    "emphasis": "*_",
    "link": "[",
    "image": "!",
    "autolink": "<",
    "html_inline": "<",
    "entity": "&",
}
"""The rules to watch, and what each begins with."""


@dataclass(frozen=True, slots=True)
class Event:
    """A rule that has read something."""

    rule: str
    start: int
    end: int
    tokens: Sequence[Token]
    """What it has made of it; they may change as others are read."""
    label_end: int = 0
    """Of a link: where its words end."""
    inside: list["Event"] = field(default_factory=list)


def watching_parser() -> MarkdownIt:
    md = parser()
    ruler = md.inline.ruler
    rules: dict[str, Rule] = dict(
        zip(ruler.get_active_rules(), ruler.getRules(""), strict=True)
    )
    for name, begins in WATCHED.items():
        ruler.at(name, _watched(name, begins, rules[name]))
    ruler.before("link", "aside", _watched("aside", "[", _aside))
    # The rules are put in order at the first parse; two threads must not do that.
    md.parse("words")
    return md


def _watched(name: str, begins: str, rule: Rule) -> Rule:
    def watched(state: StateInline, silent: bool) -> bool:
        if state.src[state.pos] not in begins:
            return False
        if begins in "![" and state.src.rfind("]") < state.pos:
            return False  # or it would be looked for again and again
        if silent:
            return rule(state, True)
        start, num_tokens = state.pos, len(state.tokens)
        events = state.env.setdefault(EVENTS, {}).setdefault(id(state), [])
        num_events = len(events)
        if not rule(state, False):
            return False
        label_end = 0
        if name == "link":
            label_end = state.md.helpers.parseLinkLabel(state, start, True)
        inside = events[num_events:]
        del events[num_events:]
        # A rule that makes tokens first makes one of the words before them.
        size = {
            "emphasis": state.pos - start,
            "strikethrough": (state.pos - start) // 2,
        }
        tokens = state.tokens[num_tokens:][-size.get(name, 1) :]
        events.append(Event(name, start, state.pos, tokens, label_end, inside))
        return True

    return watched


def _aside(state: StateInline, silent: bool) -> bool:
    """Marks that other dialects have: of footnotes, of tasks, of alerts."""
    pattern = _AT_START if state.pos == 0 else _FOOTNOTE
    match = pattern.match(state.src, state.pos)
    if not match or match.end() > state.posMax:
        return False
    state.pos = match.end()
    return True


PARSER = watching_parser()

WORDS = frozenset({"newline", "escape", "entity", "backticks"})
"""Rules for words that are not spelled as they read; backticks, where they are code for
nothing."""


def events_of(content: str, env: dict[str, Any]) -> list[Event]:
    """In order; what is in none of them is words."""
    env[EVENTS] = {}
    PARSER.inline.parse(content, PARSER, env, [])
    states = list(env.pop(EVENTS).values())
    # The first state is that of the whole; the others, of what images say.
    return states[0] if states else []


class InlineReader:
    """Feeds a run with the words and marks of one leaf."""

    def __init__(self, run: Run, html: HtmlReader, env: dict[str, Any]) -> None:
        self._run = run
        self._html = html
        self._env = env
        self._content = ""
        self._spelled: Sequence[str] = ()

    def read(self, content: str, spelled: Sequence[str]) -> None:
        """`spelled` is how each character of the content is in the document."""
        self._content = content
        self._spelled = spelled
        self._all(events_of(content, self._env), 0, len(content))

    def _raw(self, start: int, end: int) -> str:
        return "".join(self._spelled[start:end])

    def _all(self, events: Sequence[Event], start: int, end: int) -> None:
        at = start
        for event in events:
            begin = event.start
            if _is_line_end(event):
                # The blanks before it are a part of it.
                words = self._content[at:begin]
                begin = at + len(words.rstrip(" "))
            self._words(at, begin)
            self._event(event, begin)
            at = event.end
        self._words(at, end)

    def _words(self, start: int, end: int) -> None:
        self._run.words(word_atoms(self._content, self._spelled, start, end))

    def _event(self, event: Event, begin: int) -> None:
        raw = self._raw(begin, event.end)
        first = event.tokens[-1] if event.tokens else None
        if event.rule == "link":
            self._link(event)
        elif event.rule == "image":
            self._run.alone(raw, tuple(self._alt(event)))
        elif event.rule == "aside":
            self._run.alone(raw)
        elif event.rule == "html_inline":
            self._html.read(raw)
        elif event.rule == "autolink":
            address = self._content[event.start + 1 : event.end - 1]
            is_email = "@" in address and ":" not in address
            kind = ItemKind.EMAIL if is_email else ItemKind.URL
            self._run.kept(raw, address, kind)
        elif event.rule == "backticks" and first:
            shown = " ".join(first.content.split())
            if shown:
                self._run.kept(raw, shown, ItemKind.CODE)
            else:
                self._run.alone(raw)
        elif event.rule in ("emphasis", "strikethrough"):
            self._delimiters(event)
        elif first and first.type == "hardbreak":
            self._run.line_break(raw)
        else:
            self._run.words([_word(event, raw)])

    def _link(self, event: Event) -> None:
        label, end = event.start + 1, event.label_end
        closing = self._raw(end, event.end)
        changed = ""
        if closing in ("]", "][]"):
            # Its words are also the name of its address; they stay so.
            changed = f"][{self._raw(label, end)}]"
        self._run.start("[", self._raw(event.start, label))
        self._all(event.inside, label, end)
        self._run.end("[", closing, changed)

    def _alt(self, event: Event) -> list[Value]:
        """What an image shows, in words; if it is not only words, it stays."""
        start = event.start + 2
        end = start + len(event.tokens[0].content)
        env = {"references": self._env["references"]}
        events = events_of(self._content[start:end], env)
        if any(each.rule not in WORDS for each in events):
            return []
        atoms: list[Atom] = []
        at = start
        for each in events:
            atoms += word_atoms(self._content, self._spelled, at, start + each.start)
            raw = self._raw(start + each.start, start + each.end)
            atoms.append(_word(each, raw))
            at = start + each.end
        atoms += word_atoms(self._content, self._spelled, at, end)
        values = []
        offset = len(self._raw(event.start, start))
        for part in parts_of(atoms, self._run.spelling):
            if isinstance(part, Block):
                values.append(Value(offset, part))
            offset += len(part.raw)
        return values

    def _delimiters(self, event: Event) -> None:
        """Asterisks, underscores or tildes: each token says what has become of it."""
        at = event.start
        width = 2 if event.rule == "strikethrough" else 1
        if (event.end - at) % width:
            self._words(at, event.end)
            return
        tokens = list(event.tokens)
        index = 0
        while index < len(tokens):
            size = 1
            token = tokens[index]
            if index + 1 < len(tokens) and tokens[index + 1].type == "strong_open":
                token, size = tokens[index + 1], 2
            elif token.type == "strong_close":
                size = 2
            end = at + size * width
            if token.nesting > 0:
                self._run.start(token.markup, self._raw(at, end))
            elif token.nesting < 0:
                self._run.end(token.markup, self._raw(at, end))
            else:
                self._words(at, end)
            at = end
            index += size


def word_atoms(
    content: str, spelled: Sequence[str], start: int, end: int
) -> list[Atom]:
    """Words that are spelled as they read, and blanks."""
    atoms: list[Atom] = []
    at = start
    for part in _BLANKS.split(content[start:end]):
        raw = "".join(spelled[at : at + len(part)])
        if part and raw == part and not part.isspace():
            atoms.append(Atom(Kind.TEXT, raw, part))
        elif part.isspace():
            atoms.append(Atom(Kind.TEXT, raw, " "))
        else:  # a pipe in a table
            atoms += [
                Atom(Kind.TEXT, each, character)
                for each, character in zip(
                    spelled[at : at + len(part)], part, strict=True
                )
            ]
        at += len(part)
    return atoms


def _is_line_end(event: Event) -> bool:
    return event.rule == "newline"


def _word(event: Event, raw: str) -> Atom:
    """What is not spelled as it reads."""
    if event.rule == "newline":
        return Atom(Kind.TEXT, raw, SOFT_BREAK)
    shown = event.tokens[0].content if event.tokens else raw
    return Atom(Kind.TEXT, raw, shown)
