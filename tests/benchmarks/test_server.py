import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.sentences import number_words, sentences

ROOT = Path(__file__).parents[2]


def benchmarks(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=ROOT,
    )


def test_a_bundle_is_measured_with_one_caller_and_with_many(tmp_path: Path) -> None:
    text, figures = tmp_path / "text", tmp_path / "figures.json"
    text.write_text("4 0 7\n\n1 2\n")

    done = benchmarks(
        *("server", "--bundle", ROOT / "tests/bundles/v1", "--text", text),
        *("--sentences", "20", "--json", figures),
    )

    assert done.returncode == 0, done.stderr
    record = json.loads(figures.read_text())
    assert record["model"] == "digits"
    assert "cores" in record["machine"]
    assert record["machine"] in done.stdout
    assert [each["concurrency"] for each in record["cells"]] == [1, 8, 32]
    for cell in record["cells"]:
        assert cell["sentences"] == 20
        assert 0 < cell["latency_p50_s"] <= cell["latency_p99_s"] <= cell["seconds"]


def test_a_mistake_is_one_line_and_exit_status_two(tmp_path: Path) -> None:
    for option in ("--bundle", "--text"):
        done = benchmarks("server", option, tmp_path / "nowhere")

        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "nowhere" in done.stderr


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (42, "forty-two"),
        (300, "three hundred"),
        (507, "five hundred and seven"),
        (9000, "nine thousand"),
        (2015, "two thousand and fifteen"),
        (1984, "one thousand, nine hundred and eighty-four"),
    ],
)
def test_numbers_are_said_as_the_default_model_knows_them(
    number: int, words: str
) -> None:
    assert number_words(number) == words


def test_the_sentences_are_the_same_each_time_and_none_is_there_twice() -> None:
    assert sentences(1000)[:10] == sentences(10)
    assert len(set(sentences(1000))) == 1000
