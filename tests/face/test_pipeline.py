"""Lines through pipes, as they come and go."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from .parrot import Parrot, serving


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving(Parrot()) as address:
        yield address


def command(server: str, *options: str) -> list[str]:
    program = [sys.executable, "-m", "onnxlate", "translate", "--server", server]
    return [*program, *options]


def test_a_line_is_answered_before_the_next_is_written(server: str) -> None:
    with subprocess.Popen(
        command(server), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        for text in ("one", "", "two"):
            process.stdin.write(f"{text}\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"{text.upper()}\n"
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_a_refused_line_is_named_by_its_number_in_the_file(server: str) -> None:
    lines = ["fine"] * 99 + ["w " * 20] + ["fine"] * 50

    done = subprocess.run(
        command(server), input="\n".join(lines), capture_output=True, text=True
    )

    assert done.returncode == 2
    assert done.stderr.startswith("error: line 100 has 21 tokens")


def test_the_best_of_a_line_stand_side_by_side(server: str) -> None:
    done = subprocess.run(
        command(server, "--num-hypotheses", "3", "--scores"),
        input="a\tb\nc\n",
        capture_output=True,
        text=True,
    )

    first, second = (line.split("\t") for line in done.stdout.splitlines())
    assert first[1::2] == ["A B", "A B!", "A B!!"]
    assert second[1::2] == ["C", "C!", "C!!"]
    assert [float(score) for score in first[::2]] == [0.0, -1.0, -2.0]


def test_streamed_lines_are_lines_too(server: str) -> None:
    plain = subprocess.run(
        command(server, "--stream"), input="a b\n\nc", capture_output=True, text=True
    )
    pieces = subprocess.run(
        command(server, "--stream", "--json", "a b"), capture_output=True, text=True
    )

    assert plain.stdout == "A B\n\nC\n"
    records = [json.loads(line) for line in pieces.stdout.splitlines()]
    assert [each.get("piece") for each in records] == ["A ", "B", None]
    assert records[-1]["text"] == "A B"
