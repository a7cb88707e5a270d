"""`python -m benchmarks layout`."""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from onnxlate import Client
from onnxlate.messages import Translation
from onnxlate.parallel_text import read_text

from .. import options
from ..commands import require
from ..endurance.target import show, target
from .copier import copier

SHOWN = 20
"""Characters around a difference that are printed."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back of a document."""

    kind: str
    text: str
    answer: Translation

    @property
    def identical(self) -> bool:
        return self.answer.text.encode() == self.text.encode()

    @property
    def accounted_for(self) -> bool:
        """Whether the segments cover both texts, once and in order."""
        segments = self.answer.segments
        return (
            "".join(each.source.of(self.text) for each in segments) == self.text
            and "".join(each.target.of(self.answer.text) for each in segments)
            == self.answer.text
        )

    @property
    def warned(self) -> bool:
        """Whether the answer itself says so where the first difference is."""
        at = self.difference
        return any(
            each.source.start <= at <= each.source.end for each in self.answer.warnings
        )

    @property
    def difference(self) -> int:
        """The first place that is not as it was; the shorter text's end at last."""
        said = self.answer.text
        pairs = enumerate(zip(self.text, said, strict=False))
        return next(
            (at for at, (a, b) in pairs if a != b), min(len(self.text), len(said))
        )

    def reason(self) -> str:
        """Where the texts part, and what the answer says about that."""
        at = max(0, self.difference - SHOWN // 2)
        here, there = (each[at : at + SHOWN] for each in (self.text, self.answer.text))
        kinds = sorted({each.kind.value for each in self.answer.warnings})
        said = ", ".join(kinds) if kinds else "no warning"
        return f"{self.kind}, at {self.difference}: {here!r} -> {there!r} ({said})"


def layout(
    bundle: Annotated[
        Path | None,
        typer.Option(help="One that copies.", show_default="is trained, and kept"),
    ] = None,
    text: Annotated[
        list[Path] | None,
        typer.Option(help="Sentences, a line each, to make documents of."),
    ] = None,
    number: Annotated[int, typer.Option("--documents", min=10)] = 440,
    cache: options.Cache = options.CACHE,
    json: options.Json = None,
) -> None:
    """Documents of every kind through a server whose model copies.

    Ends with 1 if one does not come back byte for byte.
    """
    require("hypothesis", "layout", "dev")
    from .documents import documents  # it is not installed everywhere

    made = documents([read_text(each) for each in text or ()], number)
    began = time.monotonic()
    with target(bundle or copier(cache)) as server:
        with Client(server.address, timeout_s=600) as client:
            found = [
                Returned(each.kind, each.text, answer)
                for each in made
                for answer in client.translate([each.text], format="text")
            ]
        resident = server.resident_mb
    figures = figures_of(found) | {
        "seconds": round(time.monotonic() - began, 1),
        "resident_mb": resident,
    }
    show("layout", figures, json)
    for each in found:
        if not each.identical:
            typer.echo(each.reason())
    raise typer.Exit(not all(each.identical for each in found))


def figures_of(found: Sequence[Returned]) -> dict[str, Any]:
    kinds: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    for each in found:
        kinds[each.kind][each.identical] += 1
    different = [each for each in found if not each.identical]
    return {
        "documents": len(found),
        "identical": len(found) - len(different),
        "characters": sum(len(each.text) for each in found),
        "tokens_read": sum(each.answer.num_source_tokens for each in found),
        "sentences": sum(map(_num_sentences, found)),
        **{
            f"identical, {kind}": f"{counts[True]} of {counts.total()}"
            for kind, counts in kinds.items()
        },
        "different_without_a_warning": sum(not each.warned for each in different),
        "not_accounted_for": sum(not each.accounted_for for each in found),
    }


def _num_sentences(returned: Returned) -> int:
    return sum(each.translated for each in returned.answer.segments)
