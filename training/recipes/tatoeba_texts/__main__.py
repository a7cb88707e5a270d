"""The texts, by their names."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from onnxlate.parallel_text import read_parallel

from .adjectives import attributive_adjectives
from .clauses import Pair, clauses
from .phrases import phrases
from .rare_words import Words, rare_words


def texts(
    people: Sequence[Pair], valid: Sequence[Pair]
) -> Iterator[tuple[str, Sequence[Pair]]]:
    """Each with its name, which ends in the number of the round that learns from it."""
    text = Words(people)
    found = clauses(people, count=100_000, seed=7)
    yield "clauses-1", found[:40_000]
    yield "clauses-more-1", found
    yield "rare-1", rare_words(text, seed=1, exposures=20, rare=25)

    rare = rare_words(text, seed=1001, exposures=40, rare=40)
    yield "rare-2", rare
    yield "clauses-2", clauses([*people, *rare], count=60_000, seed=1008)
    yield "phrases-2", phrases(text, seed=11)
    rare = rare_words(text, seed=3001, exposures=20, rare=25)
    yield "others-2", [*rare, *attributive_adjectives(text, seed=3)]

    rare = rare_words(text, seed=4001, exposures=40, rare=40)
    yield "rare-3", [*rare, *valid[: len(valid) // 2]]
    longer = clauses([*people, *rare], count=30_000, seed=4008)
    longer += phrases(text, seed=4011)[:30_000]
    yield "longer-3", [*longer, *valid[len(valid) // 2 :]]

    # What the validation text had to choose is chosen.
    people = [*people, *valid]
    text = Words(people)
    rare = rare_words(text, seed=5001, exposures=20, rare=25)
    yield "others-4", [*valid, *rare, *attributive_adjectives(text, seed=5)]
    longer = clauses(people, count=15_000, seed=5008)
    yield "longer-4", [*valid, *longer, *phrases(text, seed=5011)[:25_000]]


def main(folder: Path) -> None:
    def people(part: str) -> list[Pair]:
        sides = (folder / f"eng-deu.{part}.{x}.gz" for x in ("eng", "deu"))
        return list(zip(*read_parallel(*sides), strict=True))

    (folder / "said").mkdir(exist_ok=True)
    for name, pairs in texts(people("train"), people("valid")):
        for side, suffix in enumerate(("eng", "deu")):
            lines = "".join(f"{pair[side]}\n" for pair in pairs)
            (folder / f"said/{name}.{suffix}").write_text(lines, encoding="utf-8")
        print(f"{name}: {len(pairs):,} pairs", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tatoeba_texts FOLDER")
    main(Path(sys.argv[1]))
