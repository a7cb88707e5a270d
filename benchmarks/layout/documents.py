"""Documents of many kinds, the same ones every time."""

import html.parser
import inspect
import json
import textwrap
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from hypothesis import HealthCheck, Phase, given, settings

from . import nasty

CODE = (textwrap, json.decoder, json.encoder, html.parser, unicodedata, inspect)
"""Modules that every Python has; those in C have no text."""

MOST_CODE = 20_000
"""Characters of a module."""

SCRIPTS = {
    "latin": (0x00C0, 0x024F),
    "greek": (0x0391, 0x03CE),
    "cyrillic": (0x0410, 0x045F),
    "hebrew": (0x05D0, 0x05EA),
    "arabic": (0x0621, 0x064A),
    "devanagari": (0x0904, 0x0939),
    "thai": (0x0E01, 0x0E3A),
    "georgian": (0x10D0, 0x10FA),
    "kana": (0x3041, 0x30FF),
    "han": (0x4E00, 0x9FA5),
    "hangul": (0xAC00, 0xD7A3),
    "full width": (0xFF01, 0xFF5E),
    "gothic": (0x10330, 0x1034A),
    "mathematical": (0x1D400, 0x1D7FF),
    "rare han": (0x20000, 0x2A6D0),
}
EMOJI = [
    "😀",
    "😍",
    "👍🏽",
    "👨\u200d👩\u200d👧\u200d👦",
    "🏳️\u200d🌈",
    "🇩🇪",
    "🇯🇵",
    "1️⃣",
    "❤️",
    "✨",
    "🤷🏻\u200d♀️",
    "☕",
]
STOPS = ".!?…。！؟।"


@dataclass(frozen=True, slots=True)
class Document:
    kind: str
    text: str


def documents(texts: Sequence[Sequence[str]], number: int) -> Iterator[Document]:
    """As many drawn ones as `number`, half as many of sentences of each text, half as
    many of all scripts, and those that were picked."""
    for text in nasty.PICKED:
        yield Document("picked by hand", text)
    for text in _drawn(number):
        yield Document("drawn by Hypothesis", text)
    random = Random(1)
    for _ in range(number // 2):
        yield Document("scripts and emoji", _scripts(random))
    for sentences in texts:
        for at in range(number // 2):
            shape = SHAPES[at % len(SHAPES)]
            some = random.sample(sentences, random.randint(1, 12))
            yield Document("news", shape(some, random))
    for module in CODE:
        try:
            source = inspect.getsource(module)
        except OSError:
            continue
        yield Document("code", source[:MOST_CODE])


def _drawn(number: int) -> list[str]:
    found: list[str] = []

    @settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(nasty.documents())
    def draw(text: str) -> None:
        found.append(text)

    draw()
    return found


def _scripts(random: Random) -> str:
    """Sentences of invented words, each in a script of its own, and some emoji."""

    def word(first: int, last: int) -> str:
        size = random.randint(1, 9)
        return "".join(chr(random.randint(first, last)) for _ in range(size))

    said = []
    for _ in range(random.randint(1, 8)):
        bounds = random.choice(list(SCRIPTS.values()))
        words = [word(*bounds) for _ in range(random.randint(1, 15))]
        if random.random() < 0.3:
            words.insert(random.randint(0, len(words)), random.choice(EMOJI))
        glue = random.choice([" ", " ", ""])
        said.append(glue.join(words) + random.choice(STOPS))
    return random.choice(["\n", " ", "  ", "\r\n\r\n"]).join(said)


Shape = Callable[[Sequence[str], Random], str]


def _paragraphs(some: Sequence[str], random: Random) -> str:
    return "".join(each + random.choice([" ", " ", "\n\n"]) for each in some)


def _wrapped(some: Sequence[str], random: Random) -> str:
    text = textwrap.fill(" ".join(some), random.randint(50, 100))
    return text.replace("\n", random.choice(["\n", "\r\n"])) + "\n"


def _indented(some: Sequence[str], random: Random) -> str:
    wrapped = textwrap.fill(" ".join(some), 72)
    return textwrap.indent(wrapped, " " * random.randint(1, 12))


def _listed(some: Sequence[str], random: Random) -> str:
    marker = random.choice(["- ", "* ", "• ", "1. ", "a) ", "[x] ", "# ", "\t+ "])
    return "".join(f"{'  ' * (at % 3)}{marker}{each}\n" for at, each in enumerate(some))


def _quoted(some: Sequence[str], random: Random) -> str:
    return "".join(f"{'>' * (1 + at % 2)} “{each}”\n" for at, each in enumerate(some))


def _table(some: Sequence[str], random: Random) -> str:
    between = random.choice(["|", " | ", "\t", "     "])
    return "".join(f"{each}{between}{at}\n" for at, each in enumerate(some))


def _data(some: Sequence[str], random: Random) -> str:
    indent = random.choice([None, 2, 4])
    return json.dumps({"lines": some}, ensure_ascii=False, indent=indent)


def _page(some: Sequence[str], random: Random) -> str:
    return "".join(f"<p>\n  <b>{each}</b>&nbsp;&amp;\n</p>\n" for each in some)


SHAPES: tuple[Shape, ...] = (
    *(_paragraphs, _wrapped, _indented, _listed),
    *(_quoted, _table, _data, _page),
)
