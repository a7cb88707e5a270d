"""The command line as scripts use it: real processes, real pipes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from onnxlate.cli.progress import Counter
from onnxlate.v1 import translation_pb2 as pb

from .parrot import Parrot, serving


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving(Parrot()) as address:
        yield address


def onnxlate(
    *arguments: str | Path, text: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "onnxlate", *map(str, arguments)],
        input=text,
        capture_output=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def test_each_line_in_is_one_line_out_in_order(server: str) -> None:
    text = "one\n\n  \r\nzwei\r\nhalf\u2028a line\x0cstill\nno end".encode()

    done = onnxlate("translate", "--server", server, text=text)

    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().removesuffix("\n").split("\n")
    assert len(lines) == 6
    assert lines[0] == "ONE"
    assert not lines[1].strip()
    assert not lines[2].strip()
    assert lines[3] == "ZWEI"
    assert lines[5] == "NO END"


def test_many_lines_pass_in_order(server: str) -> None:
    lines = [f"line {i}" for i in range(2000)]

    done = onnxlate("translate", "--server", server, text="\n".join(lines).encode())

    assert done.stdout.decode().splitlines() == [line.upper() for line in lines]


def test_arguments_are_texts_and_json_is_a_line_each(server: str) -> None:
    done = onnxlate("translate", "--server", server, "--json", "--scores", "a b", "c")

    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["text"], second["text"]) == ("A B", "C")
    assert first["hypotheses"] == [
        {"text": "A B", "finish_reason": "eos", "score": 0.0, "num_target_tokens": 2}
    ]
    assert (first["model"], first["num_source_tokens"]) == ("parrot", 2)
    assert (first["truncated"], first["num_dropped_source_tokens"]) == (False, 0)


def test_wishes_travel_as_they_are_meant() -> None:
    parrot = Parrot()
    flags = (
        *("--temperature", "0.5", "--seed", "7", "--prefix", "Der ", "--ban", "ein"),
        *("--protect", "--keep", "Tom", "--keep", "X Y"),
        *("--ban", "zwei", "--term", "dog=K\u00f6ter", "--glossary", "pets"),
        *("--no-repeat-ngram", "3", "--repetition-penalty", "1.5"),
        *("--coverage-penalty", "0.25"),
        *("--min-target-tokens", "4", "--tokens", "--json"),
    )

    with serving(parrot) as address:
        done = onnxlate("translate", "--server", address, *flags, "a")
        wrong = onnxlate("translate", "--server", address, "--term", "dog", "a")

    assert done.returncode == 0, done.stderr
    assert parrot.requests[0].options == pb.TranslateOptions(
        sampling=pb.Sampling(temperature=0.5, top_p=1.0, top_k=0, seed=7),
        target_prefix="Der ",
        banned_phrases=["ein", "zwei"],
        protect=True,
        protected_phrases=["Tom", "X Y"],
        terms=[pb.Term(source="dog", target="K\u00f6ter")],
        glossary="pets",
        no_repeat_ngram_size=3,
        repetition_penalty=1.5,
        coverage_penalty=0.25,
        min_target_tokens=4,
        return_tokens=True,
    )
    assert (wrong.returncode, b"SOURCE=TARGET" in wrong.stderr) == (2, True)


def test_a_cut_is_warned_of_with_its_line(server: str) -> None:
    text = b"fine\n" + b"w " * 11 + b"w\n"

    cut = onnxlate("translate", "--server", server, "--truncate", text=text)
    refused = onnxlate("translate", "--server", server, text=text)
    streamed = onnxlate("translate", "--server", server, "--stream", text=text)

    assert streamed.returncode == 2
    assert streamed.stderr.startswith(b"error: line 2: text has 12 tokens")
    assert cut.returncode == 0
    assert b"line 2: the last 2 tokens of the source were not read" in cut.stderr
    assert refused.returncode == 2
    assert refused.stderr.count(b"\n") == 1


def test_a_warning_is_one_line_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with Counter(None, visible=False) as counter:
        counter.warn("word " * 40)

    assert capsys.readouterr().err.splitlines() == ["warning: " + "word " * 40]


def test_a_file_is_written_whole_or_not_at_all(server: str, tmp_path: Path) -> None:
    good, bad, out = (tmp_path / name for name in ("good", "bad", "out"))
    good.write_text("a\nb\n")
    bad.write_text("a\n" + "w " * 20 + "\n")
    files = ("translate", "--server", server, "--output", out, "--input")

    assert onnxlate(*files, bad).returncode == 2
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bad", "good"]
    assert onnxlate(*files, good).returncode == 0
    assert out.read_text() == "A\nB\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("translate", "--server", "nonsense", "a"), "HOST:PORT"),
        (("translate", "--input", "/nowhere/x"), "/nowhere/x"),
        (("train", "/nowhere/recipe.toml"), "there is no recipe"),
        (("serve", "/nowhere/bundle"), "/nowhere/bundle"),
        (("inspect", "/nowhere/bundle"), "/nowhere/bundle"),
        (("export", "/nowhere/run", "-o", "/tmp/never"), "not a training run"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_two(
    arguments: tuple[str, ...], words: str
) -> None:
    done = onnxlate(*arguments)

    assert done.returncode == 2
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("error: ")
    assert words in line


def test_a_server_without_tls_is_one_line(server: str) -> None:
    done = onnxlate("translate", "a", "--server", server, "--tls", "--timeout", "1")

    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: the server at {server}".encode())


def test_a_reader_that_goes_away_is_no_error(server: str) -> None:
    command = f"{sys.executable} -m onnxlate translate --server {server} | head -1"
    lines = "\n".join(["x" * 1000] * 3000).encode()

    done = subprocess.run(
        ["bash", "-c", command], input=lines, capture_output=True, timeout=60
    )

    assert done.stdout.startswith(b"XXX")
    assert done.stderr == b""


def test_help_and_translate_load_nothing_heavy(server: str) -> None:
    program = f"""
import sys
from onnxlate.cli import main
sys.argv = ["onnxlate", "translate", "--server", "{server}", "a"]
try:
    main()
except SystemExit:
    pass
heavy = {{"torch", "numpy", "onnxruntime", "sentencepiece"}} & set(sys.modules)
sys.exit(f"loaded {{heavy}}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)

    assert done.stdout == b"A\n"
    assert done.returncode == 0, done.stderr


def test_evaluate_refuses_files_that_are_no_pair(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a\n")
    two.write_text("a\nb\n")

    done = onnxlate(
        *("evaluate", "--server", "127.0.0.1:1", "--source", one, "--reference", two)
    )

    assert done.returncode == 2
    assert b"1 lines and" in done.stderr


def test_evaluate_refuses_files_without_text(tmp_path: Path) -> None:
    text, empty = tmp_path / "text", tmp_path / "empty"
    text.write_text("a\n")
    empty.write_bytes(b"")

    done = onnxlate(
        *("evaluate", "--server", "127.0.0.1:1", "--source", text),
        *("--reference", empty),
    )

    assert done.returncode == 2
    assert done.stderr.decode() == f"error: {empty} has no text\n"


def test_models_are_listed_for_programs(server: str) -> None:
    done = onnxlate("models", "--server", server, "--json")

    assert (done.returncode, done.stderr) == (0, b"")
    [line] = done.stdout.splitlines()
    options = json.loads(line)["default_options"]
    assert options == {"beam_size": 4, "length_penalty": 1.0, "format": "sentence"}


def test_no_input_is_no_output(server: str) -> None:
    done = onnxlate("translate", "--server", server, text=b"")

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_nobody_at_the_address_is_one_line_with_the_address(tmp_path: Path) -> None:
    out = tmp_path / "out"

    done = onnxlate(
        *("translate", "--server", "127.0.0.1:1", "--output", out, "--timeout", "1"),
        "a",
    )

    assert done.returncode == 2
    assert done.stderr.startswith(b"error: ")
    assert b"127.0.0.1:1" in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_was_there_stays_until_a_better_one_is_complete(
    server: str, tmp_path: Path
) -> None:
    bad, out = tmp_path / "bad", tmp_path / "out"
    bad.write_text("a\n" + "w " * 20 + "\n")
    out.write_text("before\n")

    done = onnxlate("translate", "--server", server, "--output", out, "--input", bad)

    assert done.returncode == 2
    assert out.read_text() == "before\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bad", "out"]


def test_who_is_ended_leaves_nothing_behind(server: str, tmp_path: Path) -> None:
    output = tmp_path / "out.txt"
    output.write_text("before")
    command = [sys.executable, "-m", "onnxlate", "translate", "--server", server]
    with subprocess.Popen([*command, "-o", output], stdin=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".out.txt.*")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.terminate()

        assert process.wait(timeout=60) == 128 + signal.SIGTERM

    assert list(tmp_path.iterdir()) == [output]
    assert output.read_text() == "before"


def test_what_a_link_leads_to_is_written(server: str, tmp_path: Path) -> None:
    real, link, standard = (tmp_path / name for name in ("real", "link", "standard"))
    real.write_text("before\n")
    link.symlink_to("real")
    standard.symlink_to("/proc/self/fd/1")  # as /dev/stdout is

    onnxlate("translate", "--server", server, "-o", link, "a")
    with (tmp_path / "redirected").open("w+") as file:
        for word in "bc":
            command = [sys.executable, "-m", "onnxlate", "translate", word]
            command += ["--server", server, "-o", str(standard)]
            subprocess.run(command, stdout=file, timeout=60, check=True)
        file.seek(0)
        assert file.read() == "B\nC\n"

    assert real.read_text() == "A\n"
    assert link.is_symlink()
    assert standard.is_symlink()


def test_an_input_is_not_written_over(server: str, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("a\n")

    done = onnxlate("translate", "--server", server, "-i", text, "-o", text)

    assert done.returncode == 2
    assert b"name two files" in done.stderr
    assert text.read_text() == "a\n"
    assert onnxlate("translate", "--server", server, "-i", "-", "-o", "-").stderr == b""


def test_a_place_that_cannot_be_written_is_named(server: str, tmp_path: Path) -> None:
    done = onnxlate(
        "translate", "--server", server, "--output", tmp_path / "no" / "out", "a"
    )

    assert done.returncode == 2
    assert done.stderr.startswith(b"error: cannot write ")
