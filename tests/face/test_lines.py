import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxlate.channel import MAX_MESSAGE_BYTES
from onnxlate.cli.lines import read_lines
from onnxlate.errors import InvalidRequest
from onnxlate.parallel_text import one_line


class Drip:
    """A pipe that gives at each read what its writer wrote at once."""

    def __init__(self, *writes: bytes) -> None:
        self._writes = list(writes)

    def read(self, size: int) -> bytes:
        return self._writes.pop(0) if self._writes else b""


def test_lines_that_are_there_go_on_before_the_next_are_written() -> None:
    drip = Drip(b"one\ntw", b"o\n", b"three")

    assert list(read_lines(drip.read)) == [["one"], ["two"], ["three"]]


@given(
    lines=st.lists(st.text(st.characters(exclude_characters="\n\r\ufeff"))),
    cuts=st.lists(st.integers(1, 5), min_size=1),
)
def test_where_reads_cut_changes_nothing(lines: list[str], cuts: list[int]) -> None:
    file = io.BytesIO("".join(line + "\n" for line in lines).encode("utf-8", "replace"))
    sizes = iter(cuts * (1 + len(file.getvalue())))

    groups = list(read_lines(lambda size: file.read(next(sizes))))

    found = [line for group in groups for line in group]
    assert found == [line.encode("utf-8", "replace").decode() for line in lines]


def test_windows_files_and_bytes_that_are_no_text_are_lines_too() -> None:
    drip = Drip(b"\xef\xbb\xbfa\r\n\r\nb\xff\r\n")

    assert list(read_lines(drip.read)) == [["a", "", "b\ufffd"]]


def test_a_line_without_end_is_refused_before_memory_is_gone() -> None:
    num_reads = 0

    def endless(size: int) -> bytes:
        nonlocal num_reads
        num_reads += 1
        return b"x" * size

    with pytest.raises(InvalidRequest, match="line 1 is longer"):
        list(read_lines(endless))
    assert num_reads * 64 * 1024 < 2 * MAX_MESSAGE_BYTES


@given(st.text())
def test_what_is_printed_is_one_line_to_every_reader(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1
