"""An evaluation as text: tables, and the first of the worst sentences."""

import re
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from onnxlate.evaluation.report import Report, Sentence, TestSetReport

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a terminal would not show but do."""

NUM_WORST = 3
"""Sentences that fit on a screen beside the tables; the page and the JSON have more."""


def show(report: Report, num_worst: int) -> None:
    console = Console(highlight=False)
    for each in report.test_sets:
        console.print(_scores(report, each), *_decoding(each), sep="\n")
        console.print(_by_length(report, each))
        if worst := each.worst(min(num_worst, NUM_WORST)):
            console.print(_sentences(worst))
        console.print()
    if len(report.systems) > 1:
        console.print(
            f"p: that chance alone makes such a difference to {report.baseline}, by "
            f"{report.test}",
            markup=False,
        )
    for name, estimates in report.test_sets[0].estimates.items():
        # Not broken, so that it can be copied.
        console.print(
            f"{name.label}: {estimates.signature}", markup=False, soft_wrap=True
        )


def _table(title: str, names: Sequence[str], numbers: Sequence[str]) -> Table:
    """A table with so many columns of words, and then of numbers."""
    # Text, because names may hold what rich would take for markup.
    table = Table(title=_harmless(title), title_justify="left")
    for column in names:
        table.add_column(_harmless(column), overflow="fold")
    for column in numbers:
        table.add_column(_harmless(column), justify="right", overflow="fold")
    return table


def _scores(report: Report, test_set: TestSetReport) -> Table:
    title = f"{test_set.test_set.name}, {len(test_set.sentences)} sentences"
    comparison = ["difference", "p"] if len(report.systems) > 1 else []
    table = _table(title, ["metric", "system"], ["score", "± 95 %", *comparison])
    for name, estimates in test_set.estimates.items():
        first = estimates.systems[report.baseline].score
        for system, estimate in estimates.systems.items():
            cells = [f"{estimate.score:.2f}", f"{estimate.ci95:.2f}"]
            if estimate.p_value is not None:
                cells += [f"{estimate.score - first:+.2f}", f"{estimate.p_value:.3f}"]
            table.add_row(name.label, _harmless(system), *cells)
        table.add_section()
    return table


def _decoding(test_set: TestSetReport) -> Iterator[Text]:
    for each in test_set.outputs:
        if each.decoding:
            yield Text(
                f"{each.system}: {each.sentences_per_s:.1f} sentences a second, "
                f"{each.decoding.truncated} sources truncated, "
                f"{each.decoding.unfinished} translations unfinished"
            )


def _by_length(report: Report, test_set: TestSetReport) -> Table:
    table = _table(
        "by length of the source",
        ["metric", "words"],
        ["sentences", *report.systems],
    )
    for name in report.metrics:
        for each in test_set.by_length:
            scores = [each.scores[name].get(system) for system in report.systems]
            cells = ["–" if score is None else f"{score:.2f}" for score in scores]
            table.add_row(name.label, str(each.bucket), str(each.num_sentences), *cells)
        table.add_section()
    return table


def _sentences(worst: list[Sentence]) -> Table:
    table = Table(
        title="worst sentences", title_justify="left", box=None, show_header=False
    )
    for each in worst:
        table.add_row(f"{each.line}", Text("source"), "", _harmless(each.source))
        table.add_row("", Text("reference"), "", _harmless(each.reference))
        for system, hypothesis in each.hypotheses.items():
            score = f"{hypothesis.chrf:.1f}"
            table.add_row("", _harmless(system), score, _harmless(hypothesis.text))
    return table


def _harmless(text: str) -> Text:
    """As it is: no markup of rich's, and no command to the terminal."""
    return Text(CONTROL.sub("\ufffd", text))
