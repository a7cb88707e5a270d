"""Memory over a great many sentences."""

import json
from pathlib import Path
from random import Random

from benchmarks.growth import _cut, growth
from onnxlate.text import EOS_ID

ROOT = Path(__file__).parents[2]

LONGEST = 24


def test_sentences_of_all_lengths_are_translated_and_memory_is_watched(
    tmp_path: Path,
) -> None:
    text, figures = tmp_path / "text", tmp_path / "figures.json"
    text.write_text("4 0 7\n\n1 2\n")

    growth(ROOT / "tests/bundles/v1", text, sentences=200, json_file=figures)

    record = json.loads(figures.read_text())
    assert record["sentences"] == 200
    assert 20 < record["resident_mb_at_the_end"] <= record["resident_mb_at_most"] < 500


def test_sentences_are_as_long_as_the_model_can_read_and_no_longer() -> None:
    draw = Random(1)
    known = [[7] * length for length in range(3, 12)]

    cut = [_cut(known, draw, LONGEST) for _ in range(2000)]

    lengths = {len(each) for each in cut}
    assert {2, 5, 11, LONGEST} <= lengths
    assert max(lengths) == LONGEST
    assert all(each[-1] == EOS_ID and EOS_ID not in each[:-1] for each in cut)
