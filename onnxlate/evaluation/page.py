"""The report as one HTML page, which asks no other server for anything."""

import base64
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import jinja2

import onnxlate

from .lengths import WORD, words
from .plots import plot_lengths, plot_scores
from .report import Report
from .significance import Test

SIGNIFICANT = 0.05

TESTS = {
    Test.BOOTSTRAP: "paired bootstrap, one-sided as sacrebleu and Moses compute it",
    Test.RANDOMIZATION: "paired approximate randomization, two-sided",
}


def page(report: Report, num_worst: int) -> str:
    """HTML; `num_worst` is how many sentences each list shows."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,  # sentences and names are whatever the files hold
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = data_uri
    return environment.get_template("page.html.jinja").render(
        report=report,
        num_worst=num_worst,
        version=onnxlate.__version__,
        significant=SIGNIFICANT,
        test=TESTS[report.test],
        scores_plot=plot_scores(report),
        length_plots={
            each.test_set.name: plot_lengths(each) for each in report.test_sets
        },
        marked=marked,
    )


def data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def marked(hypothesis: str, reference: str) -> Iterator[tuple[str, bool]]:
    """The hypothesis in runs of words, and whether each stands in the reference too.

    Spaces between two runs come with True.
    """
    found = list(WORD.finditer(hypothesis))
    matcher = SequenceMatcher(
        None, [each.group() for each in found], words(reference), autojunk=False
    )
    end = 0
    for tag, first, last, _, _ in matcher.get_opcodes():
        if first == last:
            continue  # only the reference has something here
        start = found[first].start()
        if start > end:
            yield hypothesis[end:start], True
        end = found[last - 1].end()
        yield hypothesis[start:end], tag == "equal"
    yield hypothesis[end:], True
