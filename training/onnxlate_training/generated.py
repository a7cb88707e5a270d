"""A parallel corpus made on the spot: numbers, times and dates in words.

English and German say them differently enough (four-and-twenty, half to five, one
long word or several) that a model must learn to translate, and the right answer is
always known. For tests, for the pipeline, and for trying things out without data.

    python -m onnxlate_training.generated FOLDER
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from num2words import num2words

from onnxlate.cli import run

from .corpus import Pair
from .storage import write_files

_MONTHS = (
    ("January", "Januar"),
    ("February", "Februar"),
    ("March", "März"),
    ("April", "April"),
    ("May", "Mai"),
    ("June", "Juni"),
    ("July", "Juli"),
    ("August", "August"),
    ("September", "September"),
    ("October", "Oktober"),
    ("November", "November"),
    ("December", "Dezember"),
)

_DAYS = (
    ("Monday", "Montag"),
    ("Tuesday", "Dienstag"),
    ("Wednesday", "Mittwoch"),
    ("Thursday", "Donnerstag"),
    ("Friday", "Freitag"),
    ("Saturday", "Samstag"),
    ("Sunday", "Sonntag"),
)

_EVENTS = (
    ("It is {time}.", "Es ist {time}."),
    ("The train leaves {day}at {time}.", "Der Zug fährt {day}um {time}."),
    ("The bus comes {day}at {time}.", "Der Bus kommt {day}um {time}."),
    ("School begins {day}at {time}.", "Die Schule beginnt {day}um {time}."),
    ("We eat {day}at {time}.", "Wir essen {day}um {time}."),
    ("I get up {day}at {time}.", "Ich stehe {day}um {time} auf."),
    ("The shop closes {day}at {time}.", "Der Laden schließt {day}um {time}."),
    ("She calls {day}at {time}.", "Sie ruft {day}um {time} an."),
)

_SUBJECTS = (
    ("I have", "Ich habe"),
    ("We have", "Wir haben"),
    ("She has", "Sie hat"),
    ("They have", "Sie haben"),
    ("I need", "Ich brauche"),
    ("We need", "Wir brauchen"),
    ("He buys", "Er kauft"),
    ("You can see", "Man sieht"),
)

_THINGS = (
    ("apples", "Äpfel"),
    ("books", "Bücher"),
    ("houses", "Häuser"),
    ("trees", "Bäume"),
    ("letters", "Briefe"),
    ("chairs", "Stühle"),
    ("flowers", "Blumen"),
    ("children", "Kinder"),
    ("tickets", "Karten"),
    ("birds", "Vögel"),
)


def _number(random: random.Random) -> int:
    """Small ones as often as large ones, up to 9,999."""
    return random.randrange(2, 10 ** random.randint(1, 4))


def _words(number: int) -> Pair:
    return str(num2words(number, lang="en")), str(num2words(number, lang="de"))


def _cardinal(random: random.Random) -> Pair:
    return _words(_number(random))


def _quantity(random: random.Random) -> Pair:
    (who, wer), (what, was) = random.choice(_SUBJECTS), random.choice(_THINGS)
    many, viele = _words(_number(random))
    return f"{who} {many} {what}.", f"{wer} {viele} {was}."


def _sum(random: random.Random) -> Pair:
    one, other = random.randrange(2, 1000), random.randrange(2, 1000)
    (a, x), (b, y), (c, z) = _words(one), _words(other), _words(one + other)
    return f"{a} plus {b} is {c}", f"{x} plus {y} ist {z}"


def _date(random: random.Random) -> Pair:
    (on, am), (month, monat) = random.choice(_DAYS), random.choice(_MONTHS)
    day, year = random.randrange(1, 29), random.randrange(1900, 2030)
    english = num2words(day, lang="en", to="ordinal")
    german = f"{num2words(day, lang='de', to='ordinal')}n"
    in_year = num2words(year, lang="en", to="year")
    im_jahr = num2words(year, lang="de", to="year")
    return (
        f"On {on}, the {english} of {month} {in_year}.",
        f"Am {am}, dem {german} {monat} {im_jahr}.",
    )


def _time(random: random.Random) -> Pair:
    event, ereignis = random.choice(_EVENTS)
    time, zeit = _clock(random)
    on, am = random.choice((("", ""), *((f"on {d} ", f"am {t} ") for d, t in _DAYS)))
    return event.format(day=on, time=time), ereignis.format(day=am, time=zeit)


def _clock(random: random.Random) -> Pair:
    hour, minutes = random.randrange(1, 12), random.randrange(2, 30)
    (this, diese), (following, nächste) = _words(hour), _words(hour + 1)
    many, viele = _words(minutes)
    # German counts the half hour towards the hour that follows.
    return random.choice(
        (
            (f"half past {this}", f"halb {nächste}"),
            (f"a quarter past {this}", f"Viertel nach {diese}"),
            (f"a quarter to {following}", f"Viertel vor {nächste}"),
            (f"{many} minutes past {this}", f"{viele} Minuten nach {diese}"),
            (f"{many} minutes to {following}", f"{viele} Minuten vor {nächste}"),
        )
    )


_KINDS: tuple[Callable[[random.Random], Pair], ...] = (
    _cardinal,
    _quantity,
    _quantity,
    _sum,
    _date,
    _date,
    _time,
    _time,
)


def pairs(seed: int) -> Iterator[Pair]:
    """English and German without end; the same for the same seed, none twice."""
    source = random.Random(seed)
    seen: set[str] = set()
    while True:
        pair = source.choice(_KINDS)(source)
        if pair[0] not in seen:
            seen.add(pair[0])
            yield pair


@dataclass(frozen=True, slots=True)
class Split:
    name: str
    size: int


SPLITS = (Split("valid", 300), Split("test", 1_000), Split("train", 30_000))


def write_corpus(folder: Path, seed: int = 1) -> None:
    """Writes train, valid and test .en and .de; no item stands in two of them.

    Raises TrainingError if the folder cannot be written.
    """
    everything = list(islice(pairs(seed), sum(split.size for split in SPLITS)))
    # Short items come early, since there are few of them; every split gets its share.
    random.Random(seed).shuffle(everything)
    rest = iter(everything)
    files: dict[str, bytes] = {}
    for split in SPLITS:
        lines = list(islice(rest, split.size))
        for side, language in enumerate(("en", "de")):
            text = "".join(f"{pair[side]}\n" for pair in lines)
            files[f"{split.name}.{language}"] = text.encode()
    write_files(folder, files)


def main(
    folder: Annotated[Path, typer.Argument(help="Where the files go.")],
    seed: Annotated[int, typer.Option(help="Another seed, another corpus.")] = 1,
) -> None:
    """Write a generated English-German corpus: numbers, times, dates in words."""
    write_corpus(folder, seed)


if __name__ == "__main__":
    run(main)
