"""`onnxlate translate --format`: a document in, a document out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onnxlate.v1 import translation_pb2 as pb

from .parrot import Parrot, serving
from .test_cli import onnxlate


class Doubtful(Parrot):
    """Has something to say of every answer."""

    def _say(self, *arguments: Any) -> pb.Result:
        result = super()._say(*arguments)
        result.warnings.add(
            kind=pb.AnswerWarning.KIND_TOO_SHORT,
            details="1 tokens for 9",
            source=pb.Span(start=2, end=4),
            target=pb.Span(start=2, end=4),
        )
        return result


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving(Doubtful()) as address:
        yield address


DOCUMENT = "\ufeffa\r\n\n\t b\u2028c  \n\n"


@pytest.mark.parametrize("how", [[], ["--stream"]])
def test_a_document_is_read_and_written_as_it_is(server: str, how: list[str]) -> None:
    done = onnxlate(
        *("translate", "--server", server, "--format", "text", *how),
        text=DOCUMENT.encode(),
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == DOCUMENT.upper().encode()


def test_a_file_comes_out_with_its_line_ends(server: str, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(DOCUMENT.encode())

    onnxlate(
        *("translate", "--server", server, "--format", "text"),
        *("--input", source, "--output", target),
    )

    assert target.read_bytes() == DOCUMENT.upper().encode()


def test_arguments_are_a_document_each(server: str) -> None:
    done = onnxlate("translate", "--server", server, "--format", "text", "a\nb", "c")

    assert done.stdout == b"A\nB\nC\n"


@pytest.mark.parametrize("how", [[], ["--stream"]])
def test_warnings_are_on_stderr_with_their_places(server: str, how: list[str]) -> None:
    sentence = onnxlate("translate", "--server", server, *how, "good", "morning")
    text = onnxlate(
        "translate", "--server", server, *how, "--format", "text", "good\nmorning"
    )

    assert sentence.stdout == b"GOOD\nMORNING\n"
    assert sentence.stderr.decode().splitlines() == [
        "warning: line 1: too short: 1 tokens for 9",
        "warning: line 2: too short: 1 tokens for 9",
    ]
    assert text.stderr.decode().splitlines() == [
        "warning: text 1, characters 2-4: too short: 1 tokens for 9"
    ]


def test_a_document_has_no_columns(server: str) -> None:
    done = onnxlate(
        "translate", "--server", server, "--format", "text", "--scores", "a"
    )

    assert done.returncode == 2
    assert b"add --json" in done.stderr
