"""Whether a glossary's terms are said, and what that does to the sentences.

A hundred nouns with a translation each that a model would hardly choose. References are
adapted: what they say for a noun gives way to what the glossary wants, so that BLEU
judges the sentence around the word, and not the word.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import sacrebleu
import typer

from onnxlate.answer import Term, TermOutcome, TermUse
from onnxlate.client import Client
from onnxlate.local_server import LocalServer
from onnxlate.messages import Translation
from onnxlate.parallel_text import read_parallel

NOUNS = Path(__file__).with_name("glossary.tsv")


@dataclass(frozen=True)
class Noun:
    source: str
    usual: str
    wanted: str


def glossary(
    source: Annotated[Path, typer.Option(help="English sentences, one a line.")],
    reference: Annotated[Path, typer.Option(help="The same in German.")],
    bundle: Annotated[
        Path | None, typer.Option(help="What to serve.", show_default="the installed")
    ] = None,
    beam_size: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    """How many terms are said as wanted, and BLEU with and without a glossary."""
    nouns = {each.source: each for each in read_nouns(NOUNS)}
    terms = [Term(each.source, each.wanted) for each in nouns.values()]
    word = re.compile(rf"\b({'|'.join(nouns)})\b", re.IGNORECASE)
    pairs = zip(*read_parallel(source, reference), strict=True)
    chosen = [pair for pair in pairs if word.search(pair[0])]
    texts, references = (list(side) for side in zip(*chosen, strict=True))
    with (
        LocalServer(bundle) as server,
        Client(server.address, timeout_s=3600) as client,
    ):
        plain = client.translate(texts, beam_size=beam_size)
        forced = client.translate(texts, beam_size=beam_size, terms=terms)

    found = [[nouns[use.term.source] for use in each.terms] for each in forced]
    adapted = list(map(adapt, references, found))
    said = [each.text for each in plain]
    count_terms(plain, forced)
    for name, outcome in (
        ("without", said),
        ("with words replaced afterwards", list(map(adapt, said, found))),
        ("with", [each.text for each in forced]),
    ):
        bleu = [
            sacrebleu.corpus_bleu(outcome, [r]).score for r in (references, adapted)
        ]
        print(f"{name}: BLEU {bleu[0]:.1f}; adapted references {bleu[1]:.1f}")


def read_nouns(path: Path) -> list[Noun]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Noun(*line.split("\t")) for line in lines if not line.startswith("#")]


def adapt(text: str, nouns: Iterable[Noun]) -> str:
    for noun in nouns:
        text = re.sub(rf"\b{noun.usual}(s|es|e|en|n)?\b", noun.wanted, text)
    return text


def count_terms(plain: Sequence[Translation], forced: Sequence[Translation]) -> None:
    pairs = zip(plain, forced, strict=True)
    uses = [(use, before.text, now.text) for before, now in pairs for use in now.terms]
    applied = [use.outcome is TermOutcome.APPLIED for use, _, _ in uses]
    before = [says(text, use) for use, text, _ in uses]
    # What the report says of each, against the text itself.
    wrong = [
        says(text, use) != told
        for (use, _, text), told in zip(uses, applied, strict=True)
    ]
    print(f"{len(forced)} sentences with {len(uses)} terms")
    print(f"said without a glossary: {sum(before)} ({sum(before) / len(uses):.1%})")
    print(f"applied: {sum(applied)} ({sum(applied) / len(uses):.1%})")
    print(f"missed, and said so: {len(uses) - sum(applied)}")
    print(f"reports that the text does not bear out: {sum(wrong)}")


def says(text: str, use: TermUse) -> bool:
    return bool(re.search(rf"\b{use.term.target}\b", text, re.IGNORECASE))
