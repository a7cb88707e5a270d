"""Reads HTML: which of it people read, and what goes around that.

Nothing is repaired: whatever the input, the parts are together its very characters.
"""

from collections.abc import Iterator, Sequence

from .atoms import Block, Passage, Value
from .entities import in_text, in_value, text_atoms, value_atoms
from .html_tokens import Attribute, Token, What, tokens_of
from .parts import parts_of
from .run import Run

VALUES = frozenset(
    {"abbr", "alt", "aria-description", "aria-label", "aria-placeholder"}
    | {"aria-roledescription", "aria-valuetext", "placeholder", "summary", "title"}
)
"""Attributes that people read."""
VALUES_OF = {
    "meta": frozenset({"content"}),
    "option": frozenset({"label"}),
    "optgroup": frozenset({"label"}),
    "track": frozenset({"label"}),
    "input": frozenset({"value"}),
}
"""The same, of some elements only."""
METAS = frozenset(
    {"description", "keywords", "og:description", "og:title", "twitter:description"}
    | {"twitter:title"}
)
"""Names of <meta>s whose content people read."""
BUTTONS = frozenset({"button", "submit", "reset"})
"""Types of <input>s whose value people read."""
NOT_TRANSLATED = "notranslate"


def read_html(text: str) -> list[Passage]:
    run = Run(in_text)
    HtmlReader(run).read(text)
    return [Passage([part]) for part in run.take()]


class HtmlReader:
    """Feeds a run with a page, or with pieces of one."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def read(self, text: str) -> None:
        tokens = list(tokens_of(text))
        closed = _drawings(tokens)
        index = 0
        while index < len(tokens):
            last = closed.get(index, index)
            if last > index:
                self._run.alone(text[tokens[index].start : tokens[last].end])
            else:
                self._take(text, tokens[index])
            index = last + 1

    def _take(self, text: str, token: Token) -> None:
        raw = text[token.start : token.end]
        if token.what is What.WORDS:
            self._run.words(text_atoms(raw))
        elif token.what is What.START:
            self._start(text, token, raw)
        elif token.what is What.END:
            if token.name == "br":  # which browsers take for <br>
                self._run.line_break(raw)
            else:
                self._run.end(token.name, raw)
        elif token.what is What.UNFINISHED:
            self._run.cut(raw)
        else:
            self._run.alone(raw)

    def _start(self, text: str, token: Token, raw: str) -> None:
        given: dict[str, str] = {}
        for each in token.attributes:
            given.setdefault(each.name, text[each.start : each.end])
        translate = _translate(given)
        wanted = self._run.translated if translate is None else translate
        values = tuple(
            value
            for each in token.attributes
            if wanted and each.quote and _is_read(token.name, each, given)
            for value in _values(text[each.start : each.end], each.start - token.start)
        )
        self._run.start(token.name, raw, values, translate)


def _translate(given: dict[str, str]) -> bool | None:
    """What an element's attributes say of that; None for nothing."""
    says = given.get("translate")
    if says is not None and says.lower() in ("", "yes"):
        return True
    if says is not None and says.lower() == "no":
        return False
    return False if NOT_TRANSLATED in given.get("class", "").split() else None


def _is_read(name: str, attribute: Attribute, given: dict[str, str]) -> bool:
    if attribute.name in VALUES:
        return True
    if attribute.name not in VALUES_OF.get(name, ()):
        return False
    if name == "meta":
        return given.get("name", given.get("property", "")).lower() in METAS
    if name == "input":
        return given.get("type", "").lower() in BUTTONS
    return True


def _values(raw: str, at: int) -> Iterator[Value]:
    """The words of an attribute, without blanks around them; none if it has none."""
    for part in parts_of(value_atoms(raw), in_value):
        if isinstance(part, Block):
            yield Value(at, part)
        at += len(part.raw)


def _drawings(tokens: Sequence[Token]) -> dict[int, int]:
    """First and last tokens of what is drawn: SVG and formulas. The outermost only."""
    closed: dict[int, int] = {}
    begun: dict[str, list[int]] = {"svg": [], "math": []}
    for index, token in enumerate(tokens):
        if token.name not in begun:
            continue
        if token.what is What.START and not token.closed:
            begun[token.name].append(index)
        elif token.what is What.END and begun[token.name]:
            closed[begun[token.name].pop()] = index
    return closed
