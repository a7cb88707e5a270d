import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from onnxlate.cli import app
from onnxlate.errors import ConfigError, CorpusError, OnnxlateError
from onnxlate.evaluation import read_test_set, score
from onnxlate.parallel_text import read_text

from .parrot import Parrot, serving


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    if isinstance(result.exception, OnnxlateError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Sentences whose capitals are right but for one word of twelve."""
    source, reference = tmp_path / "test.en.gz", tmp_path / "test.xx"
    sources = ["a dog runs in the park", "two birds sing in the tree"]
    source.write_bytes(gzip.compress("".join(f"{s}\n" for s in sources).encode()))
    reference.write_text("A DOG RUNS IN THE PARK\nTWO BIRDS SING IN THE WOOD\n")
    return source, reference


def test_a_server_is_scored_and_its_translations_are_kept(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    source, reference = files
    kept = tmp_path / "kept"
    with serving(Parrot()) as server:
        printed = run(
            *("evaluate", "--server", server, "--json", "--output", kept),
            *("--source", source, "--reference", reference),
        )

    figures = json.loads(printed)
    hypotheses = ["A DOG RUNS IN THE PARK", "TWO BIRDS SING IN THE TREE"]
    assert kept.read_text().splitlines() == hypotheses
    expected = score(hypotheses, reference.read_text().splitlines())
    assert (figures["bleu"], figures["chrf"]) == (expected.bleu, expected.chrf)
    assert 70 < figures["bleu"] < 100
    assert "case:mixed" in figures["bleu_signature"]
    assert figures["digest"] == "0123456789abcdef"
    assert (figures["model"], figures["beam_size"]) == ("parrot", None)
    assert (figures["sentences"], figures["unfinished"]) == (2, 0)
    assert figures["lowercase"] is False
    assert figures["seconds"] > 0


def test_translations_do_not_replace_what_they_are_scored_by(
    files: tuple[Path, Path],
) -> None:
    source, reference = files
    before = reference.read_text()
    with serving(Parrot()) as server, pytest.raises(ConfigError, match=r"test\.xx"):
        run(
            *("evaluate", "--server", f"xx={server}", "--output", source.parent),
            *("--source", source, "--reference", reference),
        )
    assert reference.read_text() == before


def test_case_counts_unless_it_is_asked_not_to() -> None:
    references = ["the dog runs in the park"]

    assert score(["THE DOG RUNS IN THE PARK"], references).bleu == 0
    lowered = score(["THE DOG RUNS IN THE PARK"], references, lowercase=True)
    assert lowered.bleu == pytest.approx(100)
    assert "case:lc" in lowered.bleu_signature


def test_long_sources_are_cut_and_counted(tmp_path: Path) -> None:
    source, reference = tmp_path / "s", tmp_path / "r"
    source.write_text("w " * 11 + "w\nfine\n")
    reference.write_text("W\nFINE\n")
    with serving(Parrot()) as server:
        printed = run(
            *("evaluate", "--server", server, "--json"),
            *("--source", source, "--reference", reference),
        )

    assert json.loads(printed)["truncated"] == 1


def test_files_that_are_no_pair_are_refused(tmp_path: Path) -> None:
    one, two, empty = tmp_path / "one", tmp_path / "two", tmp_path / "empty"
    one.write_text("a\n")
    two.write_text("a\nb\n")
    empty.write_text("\n")
    latin, damaged = tmp_path / "latin", tmp_path / "damaged.gz"
    latin.write_bytes(b"a\nb\xe9\n")
    damaged.write_bytes(gzip.compress(b"text\n")[:-6])

    with pytest.raises(CorpusError, match=r"one has 1 lines and .*two 2"):
        read_test_set(one, two)
    with pytest.raises(CorpusError, match="empty has no text"):
        read_text(empty)
    with pytest.raises(CorpusError, match="latin:2 is not UTF-8"):
        read_text(latin)
    with pytest.raises(CorpusError, match=r"damaged\.gz cannot be read"):
        read_text(damaged)
    with pytest.raises(CorpusError, match=r"there is no .*nowhere"):
        read_text(tmp_path / "nowhere")


def test_bench_counts_every_sentence(tmp_path: Path) -> None:
    source = tmp_path / "sentences"
    source.write_text("a b\n\nc\n")
    parrot = Parrot()
    with serving(parrot) as server:
        printed = run(
            *("bench", "--server", server, "--input", source),
            *("--sentences", "10", "--concurrency", "3", "--json"),
        )

    figures = json.loads(printed)
    assert figures["sentences"] == 10
    assert sorted(r.texts[0] for r in parrot.requests) == ["a b"] * 5 + ["c"] * 5
    assert 0 < figures["latency_p50_s"] <= figures["latency_p99_s"]
