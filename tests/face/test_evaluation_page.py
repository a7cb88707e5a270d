"""The page of an evaluation: safe, on its own, and readable in light and dark."""

import base64
from collections.abc import Sequence
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from onnxlate.evaluation import TestSet
from onnxlate.evaluation.comparison import compare
from onnxlate.evaluation.metrics import MetricName, metric
from onnxlate.evaluation.page import marked, page
from onnxlate.evaluation.plots import plot_scores
from onnxlate.evaluation.report import Report, SystemOutput

HOSTILE = '</dd><script>alert("1")</script>&amp;'
NAMES = ("_base", '"$x^2$" <b>', "系统")


class Reader(HTMLParser):
    """What a browser would fetch, run and show."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [
            value or "" for name, value in attrs if name in ("src", "srcset", "href")
        ]

    def handle_data(self, data: str) -> None:
        self.text += data


def report(names: Sequence[str] = NAMES) -> Report:
    sources = ["short one", "a longer source of seven words indeed", HOSTILE]
    references = ["kurz", "ein längerer Satz mit sieben Wörtern ja", HOSTILE]
    said = ["kurz", "ein anderer Satz mit sieben Wörtern ja", f"{HOSTILE} mehr"]
    outputs = [
        SystemOutput(name, said if index == 0 else references)
        for index, name in enumerate(names)
    ]
    metrics = [
        metric(name, target_language="de")
        for name in (MetricName.BLEU, MetricName.CHRF, MetricName.MOSES_BLEU)
    ]
    sets = [TestSet(sources, references, name) for name in ("one", "<two>")]
    return compare([(each, outputs) for each in sets], metrics, num_samples=50)


def test_text_from_outside_is_shown_and_never_run() -> None:
    found = Reader(page(report(), num_worst=5))

    assert "script" not in found.tags
    assert "b" in found.tags  # ours, around the baseline; theirs is text
    assert found.tags.count("b") == 1
    assert f"{HOSTILE} mehr" in found.text
    for name in (*NAMES, "<two>"):
        assert name in found.text


def test_the_page_fetches_nothing_and_its_plots_are_svg() -> None:
    html = page(report(), num_worst=5)
    found = Reader(html)

    assert len(found.addresses) == 2 * (1 + 2)  # light and dark: all, each test set
    for address in found.addresses:
        kind, data = address.split(",")
        assert kind == "data:image/svg+xml;base64"
        root = ElementTree.fromstring(base64.b64decode(data))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "url(" not in html
    assert "@import" not in html
    assert "link" not in found.tags


def test_the_page_has_the_figures_of_the_report() -> None:
    made = report()
    text = Reader(page(made, num_worst=5)).text

    for each in made.test_sets:
        for name, estimates in each.estimates.items():
            assert name.label in text
            assert estimates.signature in text
            for estimate in estimates.systems.values():
                assert f"{estimate.score:.2f}" in text
                assert estimate.p_value is None or f"{estimate.p_value:.3f}" in text
    assert "Where the systems differ most" in text


def test_one_system_is_compared_with_nobody() -> None:
    text = Reader(page(report(["alone"]), num_worst=0)).text

    assert "1 system on 2 test sets." in text
    assert "baseline" not in text
    assert "differ most" not in text
    assert "Worst" not in text


def test_equal_reports_are_equal_pages_and_dark_is_not_light() -> None:
    made = report()

    assert page(made, num_worst=5) == page(made, num_worst=5)
    plot = plot_scores(made)
    assert plot.light != plot.dark


@pytest.mark.parametrize(
    ("hypothesis", "reference", "runs"),
    [
        ("a b c", "a b c", [("a b c", True)]),
        ("a x y c", "a b c", [("a", True), ("x y", False), ("c", True)]),
        ("x", "", [("x", False)]),
        ("", "x", []),
        ("我有书", "我没书", [("我", True), ("有", False), ("书", True)]),
    ],
)
def test_what_the_reference_has_not_is_marked(
    hypothesis: str, reference: str, runs: list[tuple[str, bool]]
) -> None:
    found = list(marked(hypothesis, reference))

    assert "".join(text for text, _ in found) == hypothesis
    assert [(text, same) for text, same in found if text.strip()] == runs
