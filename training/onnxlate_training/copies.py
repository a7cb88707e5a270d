"""Text whose translation is the text: for a model that copies, which shows what a
server does to what it is given.

    python -m onnxlate_training.copies FOLDER [TEXT]...
    onnxlate train training/recipes/copying.toml --set data.folder='"FOLDER"'

Nothing in a line tells what comes next, and most have the same few characters over and
over: the only way to get them right is to know which place one is at.
"""

import string
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from onnxlate.cli import run
from onnxlate.parallel_text import read_lines

from .storage import write_files

LONGEST = 44
"""Tokens of a line: of ASCII one each, of others as many as they have bytes."""

ALPHABETS = (1, 2, 4, 16, 48)
"""Different characters of a line, at most."""

LETTERS = string.ascii_letters + string.digits
CONTROLS = "".join(map(chr, (*range(0x20), 0x7F))).replace("\n", "").replace("\r", "")
PLANES = ((0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF))
"""Characters of two, three and four bytes, those aside that are half a one."""

SCRIPT = 96
"""Characters of one script, so many behind each other: most of their bytes are equal.
"""

UNWRITTEN = "\u2581"
"""SentencePiece's own word for a space."""

SIZES = {"valid": 300, "train": 120_000}


def lines(seed: int, texts: Sequence[str] = ()) -> Iterator[str]:
    """Characters of all of Unicode, in words and in none; about a third begin with a
    piece of one of the `texts`, if there are any."""
    source = Random(seed)
    while True:
        longest = _length(source)
        line = ""
        if texts and source.random() < 0.3:
            text = source.choice(texts).replace(UNWRITTEN, "")
            at = source.randrange(max(1, len(text)))
            line = " ".join(text[at : at + longest].split(" ")) + " "
        line = _fitting(line + _random(source, longest), longest)
        if line := line.strip():
            yield line


def _length(source: Random) -> int:
    """Mostly long, since late places are the hard ones, but some of a word or less."""
    if source.random() < 0.15:
        return source.randint(1, 8)
    return max(source.randint(2, LONGEST) for _ in range(2))


def _random(source: Random, longest: int) -> str:
    make = source.choice((_any, _any, _small_letter, _neighbour_of(_far(source))))
    alphabet = [make(source) for _ in range(source.choice(ALPHABETS))]
    # As in a language, some are said more often than others.
    often = [source.random() ** 3 + 0.01 for _ in alphabet]
    some = source.choices(alphabet, often, k=longest)
    if source.random() < 0.5:
        return "".join(some)
    usual = source.randint(1, 12)
    return "".join(
        " " if at > 0 and source.random() * usual < 1 else each
        for at, each in enumerate(some)
    )


def _any(source: Random) -> str:
    kinds: tuple[Callable[[], str], ...] = (
        lambda: source.choice(LETTERS),
        lambda: source.choice(string.punctuation),
        lambda: source.choice(CONTROLS),
        lambda: chr(_far(source)),
    )
    [kind] = source.choices(kinds, weights=(10, 6, 1, 4))
    return kind().replace(UNWRITTEN, "_")


def _small_letter(source: Random) -> str:
    return source.choice(string.ascii_lowercase)


def _far(source: Random) -> int:
    """A character beyond ASCII."""
    return source.randint(*source.choice(PLANES))


def _neighbour_of(code: int) -> Callable[[Random], str]:
    [plane] = [each for each in PLANES if each[0] <= code <= each[1]]
    last = min(code + SCRIPT, plane[1])
    return lambda source: chr(source.randint(code, last)).replace(UNWRITTEN, "_")


def _fitting(line: str, longest: int) -> str:
    """As much of the line as has so many tokens."""
    left = longest
    for at, each in enumerate(line):
        left -= len(each.encode())
        if left < 0:
            return line[:at]
    return line


def main(
    folder: Annotated[Path, typer.Argument(help="Where the files go.")],
    texts: Annotated[
        list[Path] | None, typer.Argument(help="Text to take pieces of.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other lines.")] = 1,
) -> None:
    """Write a corpus whose target is its source."""
    read = ["\n".join(read_lines(each)) for each in texts or ()]
    known = [line for text in read for line in text.splitlines()]
    made = lines(seed, [each for each in known if each.strip()])
    files: dict[str, bytes] = {}
    for name, size in SIZES.items():
        text = "".join(f"{line}\n" for line in islice(made, size)).encode()
        files |= {f"{name}.{side}": text for side in ("source", "target")}
    write_files(folder, files)


if __name__ == "__main__":
    run(main)
