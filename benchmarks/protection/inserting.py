"""Sentences that had no URLs, numbers and placeholders, with some."""

import re
import string
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from onnxlate.answer import ItemKind

IN_IT = ("for a name", "for a number", "behind a name", "at a comma")
AROUND_IT = ("in front", "at the end")
"""Where items are put, as seen from a sentence."""

WORDS = ("news", "shop", "my-app", "docs", "mail", "archive", "team", "example", "data")
TOP = ("com", "org", "net", "de", "io")
NAMES = ("name", "user", "count", "file_name", "userName", "city", "item", "0", "total")
COMMANDS = ("pip install x", "ls -l", "make test", "x = 1", "git push", "foo(bar)")


MARKS = string.punctuation + "”“’…"
COMMON = ("In", "Was", "Die", "Man", "Will", "Warm", "Winter", "So", "Hat", "Also")
"""Words of both languages, which are no names."""
NUMBER_WORDS = {
    "two": "zwei",
    "three": "drei",
    "four": "vier",
    "five": "fünf",
    "six": "sechs",
    "seven": "sieben",
    "eight": "acht",
    "nine": "neun",
    "ten": "zehn",
    "twenty": "zwanzig",
    "thirty": "dreißig",
}
"""English and German."""


@dataclass(frozen=True, slots=True)
class Item:
    kind: ItemKind
    text: str
    place: str
    """Where it was put."""
    replaced: str = ""
    """The word of the translation that it stands for; "" if it was added."""


@dataclass(frozen=True, slots=True)
class Inserted:
    """A sentence twice."""

    plain: str
    source: str
    """With items."""
    items: tuple[Item, ...]
    reference: str
    """Of the plain one."""


Maker = Callable[[Random], str]


def _url(random: Random) -> str:
    host = f"{random.choice(WORDS)}.{random.choice(WORDS)}.{random.choice(TOP)}"
    path = "/".join(random.choices(WORDS, k=random.randrange(3)))
    tail = random.choice(["", "", "?id=42&lang=en", "#top", "/a_(b)", "/index.html"])
    scheme = random.choice(["https://", "https://", "http://", "ftp://", "www."])
    return f"{scheme}{host}/{path}{tail}".rstrip("/")


def _email(random: Random) -> str:
    name = random.choice(["tom", "m.smith", "info", "j_doe+news", "first.last"])
    return f"{name}@{random.choice(WORDS)}.{random.choice(TOP)}"


def _number(random: Random) -> str:
    n, m = random.randrange(2, 1000), random.randrange(10, 60)
    return random.choice(
        [
            f"{n}",
            f"{n},{m}0",
            f"{n}.{m}",
            f"${n}",
            f"${n}.{m}",
            f"€{n}",
            f"{n} €",
            f"{n} km",
            f"{n} kg",
            f"{n}%",
            f"{m} °C",
            f"{m // 4 + 8}:{m}",
            f"{m // 6 + 1}:{m} p.m.",
            f"20{m}-{m // 6 + 1:02}-{m // 3 + 10}",
            f"{m // 3 + 10}.{m // 6 + 1}.20{m}",
            f"v{m // 10}.{n % 20}.{m}",
            f"{m * 20}x{n}",
            f"+49 30 {n}{m}{n}",
        ]
    )


def _placeholder(random: Random) -> str:
    name = random.choice(NAMES)
    word = random.choice([each for each in NAMES if each.isalpha()])
    return random.choice(
        [
            f"{{{name}}}",
            f"{{{{ {word} }}}}",
            f"{{{{{word}}}}}",
            "%s",
            "%d",
            "%1$s",
            f"%({word})s",
            f"${{{word}}}",
            f"${word.upper()}",
            f"{{{word}, plural, one {{# item}} other {{# items}}}}",
        ]
    )


def _code(random: Random) -> str:
    return f"`{random.choice(COMMANDS)}`"


MAKERS: dict[ItemKind, Maker] = {
    ItemKind.URL: _url,
    ItemKind.EMAIL: _email,
    ItemKind.NUMBER: _number,
    ItemKind.PLACEHOLDER: _placeholder,
    ItemKind.CODE: _code,
}
WEIGHTS = (3, 1, 4, 4, 1)


Done = tuple[str, Item] | None
"""The sentence with an item in it; None if it has no place for it."""


def inserted(plain: str, reference: str, random: Random) -> Inserted:
    """One or two items, each at a place drawn from those that the sentence has."""
    source, items = plain, list[Item]()
    places = [each for each in PLACES if each(plain, reference, random)]
    chosen = random.sample(places, k=min(len(places), random.choice([1, 1, 2])))
    # What is added first stands in nothing that was there before.
    for place in sorted(chosen, key=PLACES.index, reverse=True):
        if done := place(source, reference, random):
            source, item = done
            items.append(item)
    return Inserted(plain, source, tuple(items), reference)


def _for_a_name(source: str, reference: str, random: Random) -> Done:
    """ "Tom is here." becomes "{user} is here."."""
    if name := _name(source, reference, random):
        item = Item(ItemKind.PLACEHOLDER, _placeholder(random), "for a name", name)
        return source.replace(name, item.text, 1), item
    return None


def _for_a_number(source: str, reference: str, random: Random) -> Done:
    """ "Two dogs" become "17 dogs"."""
    here, there = (re.findall(r"\w+", side.lower()) for side in (source, reference))
    both = [word for word in here if NUMBER_WORDS.get(word) in there]
    if not both:
        return None
    item = Item(
        ItemKind.NUMBER,
        str(random.randrange(11, 2000)),
        "for a number",
        NUMBER_WORDS[both[0]],
    )
    pattern = rf"(?i)\b{both[0]}\b"
    return re.sub(pattern, item.text, source, count=1), item


def _behind_a_name(source: str, reference: str, random: Random) -> Done:
    """ "Tom (tom@example.org) is here."."""
    if name := _name(source, reference, random):
        item = _added(random, "behind a name")
        return source.replace(name, f"{name} ({item.text})", 1), item
    return None


def _at_a_comma(source: str, reference: str, random: Random) -> Done:
    if ", " not in source:
        return None
    item = _added(random, "at a comma")
    return source.replace(", ", f" ({item.text}), ", 1), item


def _in_front(source: str, reference: str, random: Random) -> Done:
    item = _added(random, "in front")
    return f"{item.text}{random.choice([': ', ' - ', ', '])}{source}", item


def _at_the_end(source: str, reference: str, random: Random) -> Done:
    item = _added(random, "at the end")
    words = source.rstrip(MARKS)
    before, behind = random.choice([(" (", ")"), (": ", ""), (", ", "")])
    return f"{words}{before}{item.text}{behind}{source[len(words) :]}", item


PLACES = (
    _for_a_name,
    _for_a_number,
    _behind_a_name,
    _at_a_comma,
    _in_front,
    _at_the_end,
)


def _added(random: Random, place: str) -> Item:
    [kind] = random.choices(list(MAKERS), WEIGHTS)
    return Item(kind, MAKERS[kind](random), place)


def _name(source: str, reference: str, random: Random) -> str:
    """A word with a capital letter that each side has once; "" if there is none."""
    here, there = (Counter(re.findall(r"\w+", side)) for side in (source, reference))
    names = [
        word
        for word in here
        if here[word] == there[word] == 1
        and re.fullmatch("[A-Z][a-z]+", word)
        and word not in COMMON
        and f"{word}'" not in source
    ]
    return random.choice(names) if names else ""
