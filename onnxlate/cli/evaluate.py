"""`onnxlate evaluate`: how well a server or a bundle translates a test set."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from onnxlate.client import Client
from onnxlate.evaluation import Scores, TestSet, read_test_set, score
from onnxlate.finish import FinishReason
from onnxlate.messages import CallOptions, Translation

from . import options as shared
from .files import output_file
from .lines import one_line
from .pipeline import translated
from .progress import Counter
from .servers import asked


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A test set's scores and what they were reached with."""

    scores: Scores
    sentences: int
    seconds: float
    model: str
    digest: str
    beam_size: int | None
    """None where the server's default was used."""
    lowercase: bool
    truncated: int
    """Sources that were too long and cut."""
    unfinished: int
    """Translations that ended at their longest and not by themselves."""

    def record(self) -> dict[str, Any]:
        fields = asdict(self)
        return {**fields.pop("scores"), **fields}


def evaluate(
    source: Annotated[
        Path, typer.Option(help="The sentences, a line each; plain or .gz.")
    ],
    reference: Annotated[
        Path, typer.Option(help="Their translations, in the same order.")
    ],
    server: shared.EitherServer = None,
    bundle: shared.OrBundle = None,
    model: shared.Model = None,
    beam_size: shared.BeamSize = None,
    lowercase: Annotated[
        bool, typer.Option("--lowercase", help="Score without regard to case.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The figures as one JSON object.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File for the translations, a line each."),
    ] = None,
    timeout_s: shared.TimeoutS = 300.0,
) -> None:
    """Translate a test set and score it with BLEU and chrF.

    A source that is too long is cut, and counted in the report.
    """
    test_set = read_test_set(source, reference)
    score(["a"], ["a"])  # a missing sacrebleu is better found before than after
    options = CallOptions(model=model, beam_size=beam_size, truncate_source=True)
    with (
        asked(server, bundle) as address,
        Client(address, timeout_s=timeout_s) as client,
    ):
        digest = client.model(model or "").digest
        start = time.monotonic()
        translations = _translate(client, test_set, options)
        seconds = time.monotonic() - start
    lines = [one_line(each.text) for each in translations]
    if output:
        with output_file(output) as file:
            file.write("".join(line + "\n" for line in lines).encode())
    evaluation = Evaluation(
        scores=score(lines, test_set.references, lowercase),
        sentences=len(lines),
        seconds=round(seconds, 3),
        model=translations[0].model,
        digest=digest,
        beam_size=beam_size,
        lowercase=lowercase,
        truncated=sum(each.truncated for each in translations),
        unfinished=sum(
            each.finish_reason is FinishReason.LENGTH for each in translations
        ),
    )
    if as_json:
        print(json.dumps(evaluation.record()))
    else:
        Console(highlight=False).print(_table(evaluation))


def _translate(
    client: Client, test_set: TestSet, options: CallOptions
) -> list[Translation]:
    total = sum(len(line.encode()) + 1 for line in test_set.sources)
    translations: list[Translation] = []
    with Counter(total, visible=True) as counter:
        for batch, answers in translated(client, iter([test_set.sources]), options):
            translations += answers
            counter.add(batch.lines)
    return translations


def _table(evaluation: Evaluation) -> Table:
    scores = evaluation.scores
    table = Table(
        title=f"{evaluation.sentences} sentences by {evaluation.model}",
        title_justify="left",
    )
    for heading in ("metric", "score", "signature"):
        table.add_column(heading, overflow="fold")
    table.add_row("BLEU", f"{scores.bleu:.2f}", scores.bleu_signature)
    table.add_row("chrF2", f"{scores.chrf:.2f}", scores.chrf_signature)
    rate = evaluation.sentences / max(evaluation.seconds, 1e-3)
    table.add_row("speed", f"{rate:.1f}", "sentences a second")
    table.add_row(
        "unfinished", str(evaluation.unfinished), "reached the longest target"
    )
    table.add_row(
        "truncated", str(evaluation.truncated), "sources longer than the model reads"
    )
    return table
