"""Lines in, lines out: what goes in as one line comes out as one line."""

from collections.abc import Callable, Iterator

from onnxlate.channel import MAX_MESSAGE_BYTES
from onnxlate.errors import InvalidRequest

READ_BYTES = 64 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_lines(read: Callable[[int], bytes | None]) -> Iterator[list[str]]:
    """Lists of lines: after each read, all that have come to their end.

    So lines typed one by one go out one by one, a file in lists of hundreds, and
    neither waits or takes memory for what comes later. Bytes that are not UTF-8
    become U+FFFD.
    """
    rest = b""
    num_lines = 0
    while data := read(READ_BYTES):
        if not num_lines and not rest:
            data = data.removeprefix(_BYTE_ORDER_MARK)
        *lines, rest = (rest + data).split(b"\n")
        num_lines += len(lines)
        if len(rest) > MAX_MESSAGE_BYTES:
            raise InvalidRequest(
                f"line {num_lines + 1} is longer than {MAX_MESSAGE_BYTES} bytes"
            )
        if lines:
            yield [_decode(line) for line in lines]
    if rest:
        yield [_decode(rest)]


def read_whole(read: Callable[[int], bytes | None]) -> str:
    """Everything as one text, of which nothing is left out or folded."""
    data = b""
    while more := read(READ_BYTES):
        data += more
        if len(data) > MAX_MESSAGE_BYTES:
            raise InvalidRequest(
                f"the text is longer than {MAX_MESSAGE_BYTES} bytes; translate it in "
                "several parts"
            )
    return data.decode("utf-8", "replace")


def _decode(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")
