"""What comes back of documents is counted, and told."""

import json
from pathlib import Path

from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.layout.command import Returned
from onnxlate.answer import AnswerWarning, Segment, Span, WarningKind
from onnxlate.finish import FinishReason
from onnxlate.messages import Hypothesis, Translation

COPIER = Path(__file__).parents[1] / "bundles" / "copying"


def returned(text: str, answer: str, *warned_of: Span) -> Returned:
    whole = Span(0, len(text)), Span(0, len(answer))
    translation = Translation(
        hypotheses=(Hypothesis(answer, FinishReason.EOS, None, 1),),
        num_source_tokens=1,
        num_dropped_source_tokens=0,
        model="x",
        segments=(Segment(*whole, translated=True),),
        warnings=tuple(
            AnswerWarning(WarningKind.REPETITION, "", span, span) for span in warned_of
        ),
    )
    return Returned("news", text, translation)


def test_a_difference_is_found_and_one_without_a_warning_is_silent() -> None:
    same = returned("one two", "one two")
    silent = returned("one two", "one tvo", Span(0, 2))
    told = returned("one two", "one two two", Span(4, 7))

    assert same.identical and same.accounted_for
    assert (silent.identical, silent.difference, silent.warned) == (False, 5, False)
    assert "'one two' -> 'one tvo' (repetition)" in silent.reason()
    assert (told.identical, told.difference, told.warned) == (False, 7, True)


def test_documents_of_every_kind_come_back(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    text = tmp_path / "text"
    text.write_text("".join(f"This is sentence {at}, so it is.\n" for at in range(20)))
    options = ["--bundle", str(COPIER), "--text", str(text), "--documents", "10"]

    done = CliRunner().invoke(app, ["layout", *options, "--json", str(figures)])

    assert done.exit_code == 0, done.output
    found = json.loads(figures.read_text())
    assert found["documents"] == found["identical"] > 100
    assert found["different_without_a_warning"] == found["not_accounted_for"] == 0
    assert found["identical, news"] == found["identical, scripts and emoji"] == "5 of 5"
