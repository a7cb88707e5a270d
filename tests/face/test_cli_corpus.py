"""`onnxlate corpus`: each line once and in order, whoever is killed or goes away."""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from threading import Event
from typing import Any

import grpc
import pytest

from onnxlate.v1 import translation_pb2 as pb

from .parrot import MODEL, Parrot, serving
from .test_cli import onnxlate


def corpus(
    server: str, folder: Path, *arguments: str | Path
) -> "subprocess.CompletedProcess[bytes]":
    return onnxlate("corpus", "--server", server, "-o", folder, *arguments)


def test_each_line_comes_out_once_in_order(server: str, tmp_path: Path) -> None:
    source = tmp_path / "news.en"
    source.write_bytes("\ufeffone\r\n\n two\u2028three\nfour".encode())
    packed = tmp_path / "more.txt.gz"
    lines = [f"line {number}" for number in range(250)]
    packed.write_bytes(gzip.compress("\n".join(lines).encode()))

    done = corpus(
        server, tmp_path / "out", "--shard-lines", "100", "--json", source, packed
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/news.xx").read_bytes() == b"ONE\n\n TWO THREE\nFOUR\n"
    read = gzip.decompress((tmp_path / "out/more.xx.txt.gz").read_bytes()).decode()
    assert read == "".join(f"{line.upper()}\n" for line in lines)
    record = json.loads(done.stdout)
    assert record["lines"] == record["lines_here"] == 254
    assert record["digest"] == MODEL.digest
    assert not (tmp_path / "out/shards").exists()


def test_what_is_done_is_not_done_again(
    parrot: Parrot, server: str, tmp_path: Path
) -> None:
    source = tmp_path / "a.txt"
    source.write_text("one\ntwo\nthree\n")
    corpus(server, tmp_path / "out", source)
    num_requests = len(parrot.requests)

    (tmp_path / "out/a.xx.txt.warnings.jsonl").unlink()  # nobody needs it

    done = corpus(server, tmp_path / "out", source)

    assert done.returncode == 0, done.stderr
    assert b"0 of them translated now and 3 before" in done.stderr
    assert len(parrot.requests) == num_requests + 1  # which looks at the options


def test_a_line_that_is_refused_is_empty_and_told(server: str, tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text("one\n" + "word " * 11 + "\nthree\n")

    done = corpus(server, tmp_path / "out", source)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/a.xx.txt").read_text() == "ONE\n\nTHREE\n"
    [warning] = (tmp_path / "out/a.xx.txt.warnings.jsonl").read_text().splitlines()
    assert json.loads(warning) == {
        "line": 2,
        "kind": "not translated",
        "details": "it has 12 tokens; the model reads 10",
    }
    assert b"1 not translated" in done.stderr
    again = corpus(server, tmp_path / "out", "--json", source)
    assert json.loads(again.stdout)["warning_counts"] == {"not translated": 1}


def test_long_lines_take_more_than_one_call(
    parrot: Parrot, server: str, tmp_path: Path
) -> None:
    source = tmp_path / "a.txt"
    lines = ["w" * 1_500_000, "one", "x" * 1_500_000, "y" * 1_500_000, "z" * 5_000_000]
    source.write_text("".join(f"{line}\n" for line in lines))

    done = corpus(server, tmp_path / "out", "--patience", "0", source)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/a.xx.txt").read_text().split("\n") == [
        *(line.upper() for line in lines[:4]),
        "",
        "",
    ]
    [warning] = (tmp_path / "out/a.xx.txt.warnings.jsonl").read_text().splitlines()
    assert json.loads(warning)["line"] == 5


class Poisoned(Parrot):
    """Breaks on some texts."""

    def _say(self, text: str, *rest: Any) -> pb.Result:
        if "poison" in text:
            rest[-1].abort(grpc.StatusCode.INTERNAL, "internal error; request id 7")
        return super()._say(text, *rest)


def test_a_line_that_breaks_the_server_fails_alone(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text("one\npoison\nthree\n")

    with serving(Poisoned()) as server:
        done = corpus(server, tmp_path / "out", "--json", source)

    assert (tmp_path / "out/a.xx.txt").read_text() == "ONE\n\nTHREE\n"
    assert json.loads(done.stdout)["warning_counts"] == {"not translated": 1}


def test_a_server_that_is_broken_ends_it(tmp_path: Path) -> None:
    source, out = tmp_path / "a.txt", tmp_path / "out"
    source.write_text("poison\n" * 200)

    with serving(Poisoned()) as server:
        done = corpus(server, out, source)

    assert done.returncode == 2
    assert b"texts in a row; see to the server" in done.stderr
    assert not (out / "a.xx.txt").exists()
    assert not list(out.glob("shards/[0-9]*"))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (["--beam-size", "2"], b"has a job whose options is {}, and this is {'beam"),
        (["--shard-lines", "7"], b"whose shard-lines is 1000, and this is 7"),
    ],
)
def test_another_job_is_refused(
    server: str, tmp_path: Path, change: list[str], complaint: bytes
) -> None:
    source = tmp_path / "a.txt"
    source.write_text("one\n")
    corpus(server, tmp_path / "out", source)

    done = corpus(server, tmp_path / "out", source, *change)

    assert done.returncode == 2
    assert complaint in done.stderr


def test_a_source_that_has_changed_is_refused(server: str, tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text("one\ntwo\n")
    corpus(server, tmp_path / "out", source)
    source.write_text("one\ntwo\nthree\n")

    done = corpus(server, tmp_path / "out", source)

    assert done.returncode == 2
    assert b"had 8 bytes when the job began and has 14" in done.stderr


def test_a_line_that_has_changed_meanwhile_is_noticed(
    server: str, tmp_path: Path
) -> None:
    source, out = tmp_path / "a.txt", tmp_path / "out"
    source.write_text("one\ntwo\n")
    corpus(server, out, source)
    (out / "a.xx.txt").unlink()  # as if it had been killed before
    source.write_text("one\ntoo\n")

    done = corpus(server, out, source)

    assert done.returncode == 2
    assert b"is not what it was when the job began" in done.stderr


def test_a_damaged_archive_is_refused(server: str, tmp_path: Path) -> None:
    source = tmp_path / "a.txt.gz"
    source.write_bytes(gzip.compress(b"one\n" * 1000)[:-9])

    done = corpus(server, tmp_path / "out", source)

    assert done.returncode == 2
    assert b"a.txt.gz" in done.stderr


def test_empty_files_have_empty_translations(server: str, tmp_path: Path) -> None:
    names = ["a.txt", "b.txt.gz", "c.txt.gz", "d.txt"]
    for name, content in zip(
        names, (b"", b"", gzip.compress(b""), b"\n\r\n"), strict=True
    ):
        (tmp_path / name).write_bytes(content)

    done = corpus(server, tmp_path / "out", *(tmp_path / name for name in names))

    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    assert (out / "a.xx.txt").read_bytes() == b""
    assert gzip.decompress((out / "b.xx.txt.gz").read_bytes()) == b""
    assert gzip.decompress((out / "c.xx.txt.gz").read_bytes()) == b""
    assert (out / "d.xx.txt").read_bytes() == b"\n\n"


def test_what_cannot_be_a_source_is_refused(server: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # nobody writes to it: to open it would be to wait
    unnamed = tmp_path / os.fsdecode(b"\xff.txt")
    unnamed.write_text("one\n")

    for source, told in (
        (pipe, b"is no ordinary file"),
        (unnamed, b"is no name in UTF-8"),
        (tmp_path / "nowhere", b"cannot read"),
    ):
        done = corpus(server, tmp_path / "out", source)
        assert done.returncode == 2
        assert told in done.stderr
    assert not list((tmp_path / "out").glob("**/*job*"))


def test_translations_do_not_go_among_the_files_of_a_source_folder(
    server: str, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("one\n")

    done = corpus(server, tmp_path, tmp_path)

    assert done.returncode == 2
    assert b"choose another --output" in done.stderr


def test_a_damaged_shard_is_named(server: str, tmp_path: Path) -> None:
    source, out = tmp_path / "a.txt", tmp_path / "out"
    source.write_text("one\ntwo\n")
    corpus(server, out, source)
    for output in out.glob("a.xx.*"):
        output.unlink()
    shard = out / "shards/0000000.jsonl"
    shard.parent.mkdir()

    for content in (b'["ONE", []]\n', b"nothing of ours\n\n"):
        shard.write_bytes(content)
        done = corpus(server, out, source)
        assert done.returncode == 2
        assert b"0000000.jsonl has not the 2 lines" in done.stderr

    shard.unlink()
    assert corpus(server, out, source).returncode == 0
    assert (out / "a.xx.txt").read_bytes() == b"ONE\nTWO\n"


def test_what_is_not_of_a_job_is_not_overwritten(server: str, tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text("one\n")
    (tmp_path / "a.xx.txt").write_text("mine")

    done = corpus(server, tmp_path, source)

    assert done.returncode == 2
    assert (tmp_path / "a.xx.txt").read_text() == "mine"
    assert b"is there already" in done.stderr


class Away(Parrot):
    """Takes eight calls in the middle for too much."""

    num_calls = 0

    def _refuse(self, context: Any) -> None:
        self.num_calls += 1
        if 10 < self.num_calls <= 18:
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "not now")


def test_a_server_that_does_not_answer_for_a_while_is_waited_for(
    tmp_path: Path,
) -> None:
    source, parrot = tmp_path / "a.txt", Away()
    source.write_text("".join(f"line {number}\n" for number in range(800)))

    with serving(parrot) as server:
        done = corpus(server, tmp_path / "out", source)

    assert done.returncode == 0, done.stderr
    assert parrot.num_calls > 18
    assert (tmp_path / "out/a.xx.txt").read_text() == source.read_text().upper()


class Waiting(Parrot):
    """Answers nobody's lines before two have asked."""

    def __init__(self) -> None:
        super().__init__()
        self._peers: set[str] = set()
        self._two = Event()

    def Translate(self, request: pb.TranslateRequest, context: Any) -> Any:
        if request.texts[0].strip():
            self._peers.add(context.peer())
            if len(self._peers) > 1:
                self._two.set()
            self._two.wait(60)
        return super().Translate(request, context)


def test_several_processes_share_the_shards(tmp_path: Path) -> None:
    source, parrot = tmp_path / "a.txt", Waiting()
    source.write_text("".join(f"line {number}\n" for number in range(1000)))
    with serving(parrot) as server:
        command = [sys.executable, "-m", "onnxlate", "corpus", "--server", server]
        command += ["--json", "-o", str(tmp_path / "out"), "--shard-lines", "50"]
        workers = [
            subprocess.Popen([*command, str(source)], stdout=subprocess.PIPE)
            for _ in range(3)
        ]
        records = [json.loads(each.communicate(timeout=120)[0]) for each in workers]

    assert (tmp_path / "out/a.xx.txt").read_text() == source.read_text().upper()
    asked = Counter(text for each in parrot.requests for text in each.texts)
    assert all(asked[f"line {number}"] == 1 for number in range(1000))
    assert sum(record["lines_here"] for record in records) == 1000
    assert sum(record["lines_here"] > 0 for record in records) > 1


def test_another_model_in_the_middle_ends_it(
    parrot: Parrot, server: str, tmp_path: Path
) -> None:
    source = tmp_path / "a.txt"
    source.write_text("one\ntwo\n")
    parrot.digest = "another"

    done = corpus(server, tmp_path / "out", source)

    assert done.returncode == 2
    assert b"the same command goes on when all servers have that again" in done.stderr
