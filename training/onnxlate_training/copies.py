"""Text whose translation is the text: for a model that copies, which shows what a
server does to what it is given.

    python -m onnxlate_training.copies FOLDER [TEXT]...
    onnxlate train training/recipes/copying.toml --set data.folder='"FOLDER"'
"""

import random
import string
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from .storage import write_atomically

LONGEST = 44
"""Tokens of a line: of ASCII one each, of others as many as they have bytes."""

MARKS = [chr(code) for code in range(33, 127)]

BLOCKS = (
    (0xA1, 0x600),
    (0x5D0, 0x6FF),
    (0x2010, 0x2800),
    (0x3041, 0x30FF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0x1F300, 0x1FAFF),
)

SIZES = {"valid": 300, "train": 60_000}


def lines(seed: int, texts: Sequence[str] = ()) -> Iterator[str]:
    """Random words, marks, numbers, runs of one character and all of Unicode; about a
    third begin with a piece of one of the `texts`, if there are any."""
    source = random.Random(seed)
    while True:
        longest = source.randint(3, LONGEST)
        line = _word(source)
        if texts and source.random() < 0.3:
            text = source.choice(texts)
            at = source.randrange(max(1, len(text)))
            line = text[at : at + longest].strip() or line
        while _num_tokens(line) < longest:
            line += " " + _word(source)
        while _num_tokens(line) > LONGEST:
            line = line[:-1]
        if line := line.strip():
            yield line


def _word(source: random.Random) -> str:
    kind, size = source.random(), source.randint(1, 9)
    if kind < 0.03:
        return "".join(_any_character(source) for _ in range(source.randint(1, 5)))
    if kind < 0.18:
        return "".join(source.choices(MARKS, k=size))
    if kind < 0.28:
        return source.choice(MARKS) * source.randint(1, 20)
    letters = string.digits + ".," if kind < 0.4 else string.ascii_letters
    return "".join(source.choices(letters, k=size))


def _any_character(source: random.Random) -> str:
    """One that no tokenizer of ours folds into another."""
    while True:
        character = chr(source.randint(*source.choice(BLOCKS)))
        folded = unicodedata.normalize("NFKC", character) != character
        if unicodedata.category(character)[0] in "LNPS" and not folded:
            return character


def _num_tokens(line: str) -> int:
    return sum(1 if each.isascii() else len(each.encode()) for each in line)


def main(
    folder: Annotated[Path, typer.Argument(help="Where the files go.")],
    texts: Annotated[
        list[Path] | None, typer.Argument(help="Text to take pieces of.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other lines.")] = 1,
) -> None:
    """Write a corpus whose target is its source."""
    folder.mkdir(parents=True, exist_ok=True)
    read = [each.read_text(encoding="utf-8") for each in texts or ()]
    known = [line for text in read for line in text.splitlines()]
    made = lines(seed, [each for each in known if each.strip()])
    for name, size in SIZES.items():
        text = "".join(f"{line}\n" for line in islice(made, size)).encode()
        for side in ("source", "target"):
            write_atomically(folder / f"{name}.{side}", text)


if __name__ == "__main__":
    typer.run(main)
