"""`onnxlate evaluate` with several systems and test sets, from the command line."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onnxlate.errors import ConfigError, CorpusError, OnnxlateError

from .parrot import Parrot, serving
from .test_evaluate import run

V1 = Path(__file__).parents[1] / "bundles" / "v1"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving(Parrot()) as address:
        yield address


@pytest.fixture
def tests(tmp_path: Path) -> list[str | Path]:
    """Two test sets, four sentences and one, that a parrot translates without fault."""
    options: list[str | Path] = []
    for name, words in (("long", "a dog runs in the park"), ("short", "birds sing")):
        lines = [words] if name == "short" else [f"{words} {n}" for n in "abcd"]
        source, reference = tmp_path / f"{name}.en", tmp_path / f"{name}.xx.gz"
        source.write_text("".join(f"{line}\n" for line in lines))
        text = "".join(f"{line.upper()}\n" for line in lines)
        reference.write_bytes(gzip.compress(text.encode()))
        options += ["--source", source, "--reference", reference]
    return options


def figures(*arguments: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("evaluate", *arguments).splitlines()]


def test_servers_and_files_stand_side_by_side_on_every_test_set(
    server: str, tests: list[str | Path], tmp_path: Path
) -> None:
    long, short = tmp_path / "long.said", tmp_path / "short.said"
    long.write_text("A DOG RUNS IN THE PARK X\n" * 4)
    short.write_text("BIRDS SING\n")
    files = [f"--hypotheses=other={each}" for each in (long, short)]
    kept, page, lines = tmp_path / "kept", tmp_path / "p.html", tmp_path / "lines"

    found = figures(
        *("--server", f"parrot={server}", *files, "--baseline", "other", *tests),
        *("--json", "--json-file", lines, "--html", page, "-o", kept),
    )

    assert [(each["test_set"], each["system"]) for each in found] == [
        *(("long", "other"), ("long", "parrot")),
        *(("short", "other"), ("short", "parrot")),
    ]
    other, parrot = found[:2]
    assert other["bleu_p_value"] is None
    assert other["bleu"] < parrot["bleu"] == pytest.approx(100)
    assert parrot["bleu_p_value"] < 0.05
    assert (parrot["baseline"], parrot["model"]) == ("other", "parrot")
    assert "model" not in other
    assert [json.loads(line) for line in lines.read_text().splitlines()] == found
    assert page.read_text().startswith("<!doctype html>")
    assert sorted(each.name for each in kept.iterdir()) == [
        *("long.parrot", "short.parrot")
    ]
    assert (kept / "short.parrot").read_text() == "BIRDS SING\n"


def test_text_has_every_figure_whatever_names_look_like(
    server: str, tests: list[str | Path]
) -> None:
    printed = run(
        *("evaluate", "--server", f"[red] x[/]={server}", "--server", server, *tests)
    )

    assert "[red] x[/]" in printed
    assert printed.count("100.00") >= 8
    assert "tok:13a" in printed
    assert "sentences a second" in printed


def test_bundles_are_called_like_their_folders(
    tests: list[str | Path], tmp_path: Path
) -> None:
    (tmp_path / "copy").symlink_to(V1)

    first, second = figures(
        *(V1, f"again={tmp_path / 'copy'}", *tests[:4], "--json", "--beam-size", "1"),
        *("--metric", "moses-bleu"),
    )

    assert (first["system"], second["system"]) == ("v1", "again")
    assert first["digest"] == second["digest"]
    assert first["moses_bleu"] == second["moses_bleu"]
    assert "tok:sacremoses" in first["moses_bleu_signature"]
    assert "bleu" not in first


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "there is nothing to evaluate"),
        (("--server", "h:1", "--server", "h:1"), "2 systems are called h:1"),
        (("--server", "=h:1"), "is not NAME=VALUE"),
        (("--server", "h:1", "--baseline", "b"), "is none of the systems; those are h"),
        (("--server", "h:1", "--lengths", "9,x"), "--lengths 9,x must be ascending"),
        (("--server", "h:1", "--lengths", "9,5"), "--lengths 9,5 must be ascending"),
        (("--hypotheses", "a=b"), "a has 1 files of hypotheses and there are 2 test"),
        (("/nowhere/bundle",), "/nowhere/bundle is not a directory"),
        (("bundle", "--model", "m"), "--model m is one of a server's; give --server"),
        (("--server", "h:1", "--html", "x.gz"), "would be plain text: leave .gz off"),
        (
            ("--server", "h:1", "--html", "x", "--json-file", "./x"),
            "--html and --json-file are both x",
        ),
    ],
)
def test_a_mistake_is_told_before_anything_is_translated(
    tests: list[str | Path], arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(OnnxlateError, match=words):
        run("evaluate", *tests, *arguments)


def test_a_model_is_one_of_the_servers_and_bundles_have_one(
    server: str, tests: list[str | Path]
) -> None:
    named = ("--server", server, "--model", "parrot")

    ours, theirs = figures(V1, *named, *tests[:4], "--json")

    assert (ours["system"], theirs["system"]) == ("v1", "parrot")
    assert ours["model"] != theirs["model"] == "parrot"


def test_names_and_lines_that_are_no_text_are_harmless(
    tests: list[str | Path], tmp_path: Path
) -> None:
    """Also to the terminal, which would do what they say."""
    said = tmp_path / os.fsdecode(b"h\xe4\x1b[2J")
    said.write_text("\x1b]0;title\a BIRDS \x1b[2J\n")
    page = tmp_path / "page.html"

    printed = run("evaluate", *tests[4:], "--hypotheses", said, "--html", page)

    assert "h\ufffd" in page.read_text()
    assert "BIRDS" in printed
    assert not {"\x1b", "\a"} & set(printed)


def test_what_is_read_is_not_written_over(
    tests: list[str | Path], tmp_path: Path
) -> None:
    kept = tmp_path / "reference"
    kept.write_text("kept\n")
    read = ("--source", kept, "--reference", kept, "--hypotheses", f"a={kept}")

    with pytest.raises(ConfigError, match=r"--json-file are both .*reference"):
        run("evaluate", *read, "--json-file", kept)

    assert kept.read_text() == "kept\n"


def test_where_translations_cannot_be_kept_is_told_before_they_are_made(
    tests: list[str | Path], tmp_path: Path
) -> None:
    one = ("evaluate", *tests[:4])
    with pytest.raises(ConfigError, match=r"there is no .*nowhere"):
        run(*one, "--server", "h:1", "-o", tmp_path / "nowhere" / "said")
    with pytest.raises(ConfigError, match=r"would be plain text: leave \.gz off"):
        run(*one, "--server", "h:1", "-o", tmp_path / "said.gz")
    with pytest.raises(ConfigError, match="there are only --hypotheses"):
        run(*one, "--hypotheses", tests[3], "-o", tmp_path / "said")


def test_translations_of_one_system_go_into_a_folder_that_is_there(
    server: str, tests: list[str | Path], tmp_path: Path
) -> None:
    folder = tmp_path / "said"
    folder.mkdir()

    run("evaluate", *tests[:4], "--server", f"p={server}", "-o", folder, "--json")

    [kept] = folder.iterdir()
    assert kept.name == "long.p"
    assert kept.read_text().startswith("A DOG RUNS IN THE PARK A\n")


def test_a_source_must_have_its_reference(tests: list[str | Path]) -> None:
    for given, words in (
        (tests[:0], "0 --source and 0 --reference"),
        (tests[:2], "1 --source and 0 --reference"),
        (tests[2:], "1 --source and 2 --reference"),
    ):
        with pytest.raises(ConfigError, match=f"{words}; give both once for each"):
            run("evaluate", "--server", "h:1", *given)


def test_nothing_is_written_where_something_fails(
    server: str, tests: list[str | Path], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    asked = ("evaluate", "--server", server, *tests, "--html", page)

    with pytest.raises(CorpusError, match=r"there is no .*gone"):
        run(*asked, "--hypotheses", "a=gone", "--hypotheses", "a=gone")
    with pytest.raises(ConfigError, match="cannot write"):
        run(*asked, "--json-file", tmp_path / "no" / "file")

    assert not page.exists()
