"""Which words are which, as other programs read it."""

from onnxlate.answer import AlignmentLink, Span
from onnxlate.cli import format
from onnxlate.finish import FinishReason
from onnxlate.messages import Hypothesis, Translation

SOURCE = "Tom  can't swim."


def swims(score: float | None = None) -> Translation:
    links = (
        AlignmentLink(Span(0, 3), Span(0, 3), 0.9),
        AlignmentLink(Span(5, 10), Span(4, 8), 0.8),
        AlignmentLink(Span(5, 10), Span(9, 14), 0.5),
        AlignmentLink(Span(11, 15), Span(15, 24), 0.9),
        AlignmentLink(Span(15, 16), Span(24, 25), 0.9),
    )
    text = "Tom kann nicht schwimmen."
    found = Hypothesis(text, FinishReason.EOS, score, 6, alignment=links)
    return Translation((found,), 5, 0, "parrot")


def test_words_are_counted_between_white_space() -> None:
    assert format.pharaoh(SOURCE, swims().hypotheses[0]) == "0-0 1-1 1-2 2-3"


def test_pairs_stand_behind_each_hypothesis() -> None:
    line = format.aligned(swims(-0.25), SOURCE)

    assert line == "-0.2500\tTom kann nicht schwimmen.\t0-0 1-1 1-2 2-3"


def test_json_has_the_spans_themselves() -> None:
    assert '"alignment": [{"source": {"start": 0, "end": 3}, ' in format.as_json(
        swims()
    )
