"""The page has whatever was measured, and says what was not."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from benchmarks.__main__ import app
from benchmarks.figures import AnyCell, Figures
from benchmarks.headline import headline, offline_mean
from benchmarks.report import NOT_MEASURED, SECTIONS, Measured, page
from benchmarks.tables import markdown_table
from onnxlate.errors import ConfigError

ALL = Path(__file__).with_name("figures.json")
"""A cell of every kind, with figures that nobody has measured."""


def read(wanted: Callable[[AnyCell], bool] = lambda cell: True) -> Figures:
    figures = Figures.read(ALL)
    cells = [each for each in figures.cells if wanted(each)]
    return figures.model_copy(update={"cells": cells})


def page_of(*figures: Figures) -> str:
    measured = [Measured(each, date(2026, 2, 3)) for each in figures]
    return page(measured, picture=None)


def report(*arguments: Path | str) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def test_every_benchmark_has_its_table() -> None:
    text = page_of(read())

    assert "| tiny | fp32 | greedy | 2,000 | 1,000 | 2.00 | 64 | 63 |" in text
    assert "| tiny | fp32 | greedy | 3.00 | 6.00 | 2.00 | 4.00 | 8.00 |" in text
    assert "| tiny | fp32 | greedy | 50 | 100 | 0.50 | 20.00 | 120 |" in text
    assert "| tiny | fp32 | greedy | 8 × 1 | 25.0% |" in text
    # 10 MB in 0.2 ms are 50 GB/s; 36 million in 0.4 ms are 90 thousand million.
    assert "| 8 | 10.0 | 36.0 | 50.0 | 90.0 | 0.200 | 0.400 | 0.500 | 80.0% |" in text
    assert "| source tokens | 128 | 16 | 8,000 | 4,000 | 2.00 |" in text
    assert "| 100 | 100 | 100 | 150 | 1.50 | 1.25 | 0.75 |" in text
    assert "| tiny | fp32 | 0.1 | 6,000 | 3,000 | 2.00 | 5.432 | 5.433 | 60 |" in text
    assert NOT_MEASURED not in text


def test_it_says_where_and_when_and_on_what() -> None:
    text = page_of(read())

    for fact in ("A processor, 2 cores", "2026-02-03", "news.en", "onnxruntime 1"):
        assert fact in text
    assert "gpu.md#beside-ctranslate2" in text


def test_the_mean_is_of_offline_ratios_beside_ctranslate2_alone() -> None:
    assert offline_mean(read().cells) == pytest.approx(3)  # 2 * 4.5 = 3 * 3
    assert offline_mean(read(lambda cell: cell.peer == "pytorch").cells) is None
    assert "**3.00**" in page_of(read())


@pytest.mark.parametrize("benchmark", SECTIONS)
def test_of_one_benchmark_it_says_that_the_others_are_missing(benchmark: str) -> None:
    text = page_of(read(lambda cell: cell.benchmark == benchmark))

    [line] = [line for line in text.splitlines() if line.startswith("**Not measured")]
    assert all((name in line) == (name != benchmark) for name in SECTIONS)
    section = text.partition(f"## {benchmark.capitalize()}\n")[2].partition("\n## ")[0]
    assert NOT_MEASURED not in section
    assert "| tiny | fp32 |" in section


def test_files_of_one_machine_are_put_together() -> None:
    latency = read(lambda cell: cell.benchmark == "latency")
    floor = read(lambda cell: cell.benchmark == "floor")

    text = page_of(latency, floor)

    assert "| 2026-02-03 | latency | tiny | news.en |" in text
    assert "| 2026-02-03 | floor | tiny | news.en |" in text


def test_figures_of_two_machines_are_refused() -> None:
    other = read().model_copy(update={"machine": "Another, 64 cores"})

    with pytest.raises(ConfigError, match="Another, 64 cores"):
        page_of(read(), other)


def test_a_readme_gets_a_row_for_each_model_and_precision() -> None:
    table = headline(read().cells)

    assert table.headings == [
        *("model", "precision", "offline, greedy, tokens/s"),
        *("offline, beam 5, tokens/s", "latency, greedy, ms"),
        "serving, greedy, calls/s in time",
    ]
    assert table.rows == [
        [
            *("tiny", "fp32", "2,000 (2.00×)", "900 (4.50×)"),
            *("3.00 (2.00×)", "50 (0.50×)"),
        ]
    ]


def test_the_command_writes_page_and_picture_and_shows_the_table(
    tmp_path: Path,
) -> None:
    output = tmp_path / "benchmarks.md"

    done = report(ALL, "-o", output)

    assert done.exit_code == 0
    assert done.stdout.strip() == markdown_table(headline(read().cells))
    assert "(pictures/benchmarks.png)" in output.read_text()
    picture = tmp_path / "pictures" / "benchmarks.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_without_ratios_there_is_no_picture(tmp_path: Path) -> None:
    figures, output = tmp_path / "floor.json", tmp_path / "page.md"
    read(lambda cell: cell.benchmark == "floor").write(figures)

    assert report(figures, "-o", output).exit_code == 0

    assert "pictures" not in output.read_text()
    assert not (tmp_path / "pictures").exists()


def test_what_holds_no_figures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")

    done = report(tmp_path / "x.json", "-o", tmp_path / "page.md")

    assert isinstance(done.exception, ConfigError)
    assert not (tmp_path / "page.md").exists()
