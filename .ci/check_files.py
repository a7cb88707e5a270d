"""Complains of files that cannot be parsed, are large, or have white space at ends."""

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

MAX_BYTES = 500_000


def complaints(path: Path) -> Iterator[str]:
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        yield f"{len(content):,} bytes"
    try:
        if path.suffix == ".toml":
            tomllib.loads(content.decode())
        if path.suffix == ".json":
            json.loads(content)
    except ValueError as error:
        yield str(error)
    for number, line in enumerate(content.splitlines(), start=1):
        if line != line.rstrip():
            yield f"line {number} ends in white space"
    if content and not content.endswith(b"\n"):
        yield "the last line has no end"


found = [f"{name}: {what}" for name in sys.argv[1:] for what in complaints(Path(name))]
print("\n".join(found))
sys.exit(bool(found))
