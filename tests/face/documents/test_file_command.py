"""`onnxlate translate --file`, as people use it: real processes, real servers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import docx
import pytest

from onnxlate.local_server import LocalServer
from tests.face.parrot import serving

from .voices import Voice, backwards, shout


@pytest.fixture
def voice() -> Voice:
    return Voice(shout)


@pytest.fixture
def server(voice: Voice) -> Iterator[str]:
    with serving(voice) as address:
        yield address


def command(server: str, *arguments: str | Path) -> list[str]:
    words = ["translate", "--server", server, *map(str, arguments)]
    return [sys.executable, "-m", "onnxlate", *words]


def translate(
    server: str, *arguments: str | Path
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command(server, *arguments), capture_output=True, timeout=120)


def test_the_translation_lands_beside_the_file(server: str, tmp_path: Path) -> None:
    (tmp_path / "page.en.html").write_bytes(b"<p>words</p>")

    first = translate(server, "--file", tmp_path / "page.en.html")
    second = translate(server, "--file", tmp_path / "page.en.html")

    assert first.returncode == 0, first.stderr
    assert (tmp_path / "page.xx.html").read_bytes() == b"<PX>WORDSX</PX>"
    assert b"page.xx.html: 1 texts, 12 characters; warnings: none" in first.stderr
    assert second.returncode == 2
    assert b"is there already" in second.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        *("page.en.html", "page.xx.html")
    ]


def test_output_names_a_file_a_folder_or_standard_output(
    server: str, tmp_path: Path
) -> None:
    source = tmp_path / "x.txt"
    source.write_bytes(b"words\n")
    (tmp_path / "folder").mkdir()

    named = translate(server, "--file", source, "-o", tmp_path / "y.txt")
    again = translate(server, "--file", source, "-o", tmp_path / "y.txt")
    folder = translate(server, "--file", source, "-o", tmp_path / "folder")
    printed = translate(server, "--file", source, "-o", "-")

    assert named.returncode == again.returncode == folder.returncode == 0
    assert (tmp_path / "y.txt").read_bytes() == b"WORDSX\n"
    assert (tmp_path / "folder/x.xx.txt").read_bytes() == b"WORDSX\n"
    assert printed.stdout == b"WORDSX\n"


def test_each_format_is_said_and_the_version_is_kept_to(
    voice: Voice, server: str, tmp_path: Path
) -> None:
    for name, wanted in (("x.txt", 2), ("x.html", 3), ("x.md", 4)):
        (tmp_path / name).write_bytes(b"words")
        translate(server, "--file", tmp_path / name, "--beam-size", "2")

        request = voice.requests[-1]
        assert (request.options.format, request.options.beam_size) == (wanted, 2)
        assert request.model == "parrot@1"
        assert not request.options.return_alignment


def test_json_tells_what_became_of_the_file(
    voice: Voice, server: str, tmp_path: Path
) -> None:
    source = tmp_path / "x.txt"
    paragraphs = ["One.\n\n" * 1000, "A line.\nA dubious line.\n\n", "Long.\n\n" * 1000]
    source.write_text("".join(paragraphs))

    done = translate(server, "--file", source, "--json")

    summary = json.loads(done.stdout)
    [line] = [
        number
        for number, line in enumerate(source.read_text().split("\n"), 1)
        if "dubious" in line
    ]
    assert summary["warnings"] == [
        {"place": f"line {line}", "kind": "unsure", "details": "hm"}
    ]
    assert summary["warning_counts"] == {"unsure": 1}
    assert summary["characters"] == len(source.read_text())
    assert (summary["model"], summary["target_language"]) == ("parrot@1", "xx")
    assert (summary["resumed"], summary["untranslated"]) == (0, 0)
    assert Path(summary["output"]).read_text() == shout(source.read_text())


def test_a_text_is_asked_for_once(voice: Voice, server: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps(["same", "other", "same"] * 100))

    translate(server, "--file", tmp_path / "x.json")

    assert voice.texts == ["same", "other"]
    said = json.loads((tmp_path / "x.xx.json").read_text())
    assert said == ["SAMEX", "OTHERX", "SAMEX"] * 100


def test_a_text_that_the_server_refuses_stays_and_is_told(
    voice: Voice, server: str, tmp_path: Path
) -> None:
    voice.refused = {"bad"}
    (tmp_path / "x.json").write_text(json.dumps({"a": "good", "b": ["bad"]}))
    (tmp_path / "y.json").write_text('["bad"]')

    done = translate(server, "--file", tmp_path / "x.json")
    nothing = translate(server, "--file", tmp_path / "y.json")

    assert done.returncode == 0
    assert b"warning: b.0: not translated: it is too long" in done.stderr
    assert json.loads((tmp_path / "x.xx.json").read_text()) == {
        **{"a": "GOODX", "b": ["bad"]}
    }
    assert nothing.returncode == 2
    assert b"kept" not in nothing.stderr
    assert not (tmp_path / "y.xx.json").exists()


def emphasis(tmp_path: Path, server: str) -> list[list[tuple[str, bool | None]]]:
    """The runs of some paragraphs, and which are bold, after translation."""
    file = docx.Document()
    for first, second, third in (
        ("One ", "two", " three four five"),
        ("Six seven eight ", "nine", " ten"),
        ("Six ", "nine", ""),
        ("Three ", "ten", " one"),
        ("Only words of one look.", "", ""),
    ):
        paragraph = file.add_paragraph(first)
        paragraph.add_run(second).bold = True
        paragraph.add_run(third)
    file.save(str(tmp_path / "x.docx"))

    done = translate(server, "--file", tmp_path / "x.docx", "--json")

    assert json.loads(done.stdout)["warnings"] == []
    return [
        [(run.text, run.bold) for run in paragraph.runs if run.text]
        for paragraph in docx.Document(str(tmp_path / "x.xx.docx")).paragraphs
    ]


def test_a_format_goes_where_the_server_says_its_words_went(
    voice: Voice, server: str, tmp_path: Path
) -> None:
    voice.say = backwards

    assert emphasis(tmp_path, server)[:2] == [
        [("FIVE FOUR THREE ", None), ("TWO", True), (" ONE", None)],
        [("TEN ", None), ("NINE", True), (" EIGHT SEVEN SIX", None)],
    ]
    asked = {
        text: request.options.return_alignment
        for request in voice.requests
        for text in request.texts
    }
    assert asked["Only words of one look."] is False
    assert asked["One two three four five"] is True


def test_texts_that_are_too_long_say_nothing_of_the_next(
    voice: Voice, server: str, tmp_path: Path
) -> None:
    long = [f"long {i}" for i in range(20)]
    voice.refused = set(long)
    (tmp_path / "x.json").write_text(json.dumps([*long, "good" * 99]))

    done = translate(server, "--file", tmp_path / "x.json")

    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "x.xx.json").read_text())[-2:] == [
        *("long 19", "GOOD" * 99 + "X")
    ]


def test_a_model_that_knows_no_alignment_is_not_asked_on(
    voice: Voice, server: str, tmp_path: Path
) -> None:
    voice.aligns = False
    voice.say = str.upper

    assert emphasis(tmp_path, server)[:2] == [
        [("ONE ", None), ("TWO", True), (" THREE FOUR FIVE", None)],
        [("SIX SEVEN EIGHT ", None), ("NINE", True), (" TEN", None)],
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--file", "x.pdf"), b"x.pdf"),
        (("--file", "none.txt"), b"none.txt: No such file"),
        (("--file", "x.txt", "--keys", "a"), b"--keys is for .json files"),
        (("--file", "x.txt", "text"), b"--file goes without texts"),
        (("--file", "x.txt", "--stream"), b"--file goes without"),
        (("--file", "x.txt", "--format", "markdown"), b"without --format"),
        (("--file", "x.txt", "--alignment"), b"--alignment and --tokens"),
        (("--file", "x.txt", "--tokens", "--json"), b"--alignment and --tokens"),
        (("--file", "x.txt", "--json", "-o", "-"), b"cannot both"),
        (("--keys", "a", "text"), b"are for --file"),
        (("--file", "x.txt", "-o", "no/folder/x.txt"), b"no/folder/x.txt"),
    ],
)
def test_mistakes(
    server: str, tmp_path: Path, arguments: tuple[str, ...], words: bytes
) -> None:
    for name in ("x.txt", "x.pdf"):
        (tmp_path / name).write_bytes(b"words")

    done = subprocess.run(
        command(server, *arguments), capture_output=True, cwd=tmp_path, timeout=60
    )

    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == ["x.pdf", "x.txt"]


def test_a_missing_parser_is_named(server: str, tmp_path: Path) -> None:
    (tmp_path / "x.srt").write_bytes(b"")
    code = "import sys; sys.modules['srt'] = None; import onnxlate.cli as c; c.main()"
    words = command(server, "--file", tmp_path / "x.srt")[3:]

    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, timeout=60
    )

    assert done.returncode == 2
    assert b"srt, which is not installed; pip install 'onnxlate[files]'" in done.stderr


def test_what_was_done_before_an_end_is_taken_up(
    voice: Voice, server: str, tmp_path: Path
) -> None:
    texts = [f"number {i}" for i in range(200)]
    source, target = tmp_path / "x.json", tmp_path / "y.json"
    source.write_text(json.dumps(texts))
    voice.pauses_s = {"number 128": 60.0}
    journal = tmp_path / "y.json.part.jsonl"

    ended = translate(server, "--file", source, "-o", target, "--timeout", "2")
    kept = len(journal.read_bytes().splitlines())
    with journal.open("ab") as file:
        file.write(b'{"key": "half a li')  # as if killed in the middle of it
    voice.pauses_s = {}
    voice.requests.clear()
    done = translate(server, "--file", source, "-o", target, "--json")

    assert ended.returncode == 2
    assert b"128 texts are done and kept in" in ended.stderr
    assert kept == 128
    assert json.loads(done.stdout)["resumed"] == 128
    assert sorted(voice.texts) == sorted(texts[128:])  # calls may overtake each other
    assert json.loads(target.read_text()) == [shout(text) for text in texts]
    assert not journal.exists()


@pytest.mark.parametrize("change", ["options", "model"])
def test_what_another_model_or_other_options_said_is_not_taken_up(
    change: str, voice: Voice, server: str, tmp_path: Path
) -> None:
    source = tmp_path / "x.json"
    source.write_text(json.dumps([f"number {i}" for i in range(64)]))
    voice.pauses_s = {"number 32": 60.0}
    translate(server, "--file", source, "--timeout", "2")
    voice.pauses_s = {}

    options = ["--length-penalty", "0.5"] if change == "options" else []
    if change == "model":
        voice.model.digest = "another"
    done = translate(server, "--file", source, "--json", *options)

    assert json.loads(done.stdout)["resumed"] == 0
    assert json.loads(done.stdout)["units"] == 64


def test_after_sigkill_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    lines = [f"The man with the red dog sees house number {i}." for i in range(1500)]
    source, target = tmp_path / "x.json", tmp_path / "y.json"
    source.write_text(json.dumps(lines, indent=1))
    journal = tmp_path / "y.json.part.jsonl"

    with LocalServer(None) as server:
        arguments: list[str | Path] = [
            "--file",
            source,
            "-o",
            target,
            "--json",
            "--beam-size",
            "1",
        ]
        killed = subprocess.Popen(command(server.address, *arguments))
        while not journal.exists() or journal.read_bytes().count(b"\n") < 100:
            assert killed.poll() is None
            time.sleep(0.01)
        os.kill(killed.pid, signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
        kept = journal.read_bytes().count(b"\n")
        assert not target.exists()
        done = translate(server.address, *arguments)
        whole = translate(
            server.address, *arguments[:3], tmp_path / "whole.json", *arguments[4:]
        )

    assert done.returncode == whole.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert 100 <= kept <= summary["resumed"] < summary["units"] == 1500
    assert target.read_bytes() == (tmp_path / "whole.json").read_bytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        *("whole.json", "x.json", "y.json")
    ]
