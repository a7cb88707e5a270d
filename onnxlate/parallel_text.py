"""Text files, line by line, as every part of onnxlate counts their lines."""

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from .errors import CorpusError

# All that some reader, Python's splitlines at the fore, takes for the end of a line.
_LINE_ENDS = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")


def read_lines(path: Path) -> Iterator[str]:
    """Lines without their ends, from plain or .gz UTF-8 text.

    Only newlines end lines: characters such as U+2028 stay inside, as every other
    tool that counts lines has it. Raises CorpusError.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    # Some editors put a byte-order mark before the first line.
                    codec = "utf-8-sig" if number == 1 else "utf-8"
                    text = line.decode(codec)
                except UnicodeDecodeError as cause:
                    raise CorpusError(
                        f"{path}:{number} is not UTF-8; convert the file, as with "
                        "iconv -f ENCODING -t UTF-8"
                    ) from cause
                yield text.removesuffix("\n").removesuffix("\r")
    except FileNotFoundError as cause:
        raise CorpusError(f"there is no {path}") from cause
    except (OSError, EOFError, zlib.error) as cause:
        reason = getattr(cause, "strerror", None) or cause
        raise CorpusError(f"{path} cannot be read: {reason}") from cause


def read_text(path: Path) -> list[str]:
    """All lines of a file; raises CorpusError where none has anything on it."""
    lines = list(read_lines(path))
    if not any(line.strip() for line in lines):
        raise CorpusError(f"{path} has no text")
    return lines


def read_parallel(source: Path, target: Path) -> tuple[list[str], list[str]]:
    """All lines of two files that belong together; raises CorpusError if not."""
    sources, targets = read_text(source), read_text(target)
    if len(sources) != len(targets):
        raise CorpusError(
            f"{source} has {len(sources)} lines and {target} {len(targets)}; "
            "line n of one must translate line n of the other"
        )
    return sources, targets


def one_line(text: str) -> str:
    """The text with a blank for whatever somebody may take for the end of a line."""
    return _LINE_ENDS.sub(" ", text)
