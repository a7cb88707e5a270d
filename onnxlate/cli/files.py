"""The files a command reads and writes; "-" and nothing mean the standard ones."""

import gzip
import os
import signal
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase, RawIOBase
from pathlib import Path
from typing import BinaryIO

from onnxlate.errors import ConfigError

_STANDARD = (None, Path("-"))

_MAX_LINKS = 40
"""One behind the other, as Linux has it."""


Read = Callable[[int], bytes | None]
"""At most that many bytes; as many as are there, without waiting for more."""


@contextmanager
def input_file(path: Path | None) -> Iterator[Read]:
    """How to read standard input, a file, or what a .gz file holds."""
    name = path or "standard input"
    with _refusals(f"cannot read {name}"):
        opened = _opened(path)
    with opened as file:
        read = file.read1 if isinstance(file, BufferedIOBase) else file.read

        def guarded_read(size: int) -> bytes | None:
            with _refusals(f"cannot read {name}"):
                return read(size)

        yield guarded_read


@contextmanager
def output_file(path: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that appears complete or not at all.

    Of a link the file that it leads to. Raises ConfigError if it cannot be written.
    """
    if path is None or path in _STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    require_plain(path)
    opened = _is_opened(path)
    place = path if opened else path.resolve()
    # A device or a pipe can be written, but not replaced.
    if opened or (place.exists() and not place.is_file()):
        with _refusals(f"cannot write {path}"), place.open("ab") as file:
            yield file
        return
    written = place.with_name(f".{place.name}.{os.getpid()}")
    with ended_by_way_of_finally():
        try:
            with _refusals(f"cannot write {path}"), written.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                written.replace(place)
        finally:
            written.unlink(missing_ok=True)


@contextmanager
def ended_by_way_of_finally() -> Iterator[None]:
    """SIGTERM is an exception here, so that nothing outlives us that should not.

    Only the main thread hears of signals; in others nothing is different.
    """
    before = signal.getsignal(signal.SIGTERM)
    main = threading.current_thread() is threading.main_thread()
    # Whoever ignores it goes on to, and what is not Python's own cannot be put back.
    if not main or before in (None, signal.SIG_IGN):
        yield
        return

    def end(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_IGN)  # let tidying up come to its end
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def require_plain(path: Path) -> None:
    """Raises ConfigError if the name says that it is compressed, which nothing is."""
    if path.suffix == ".gz":
        raise ConfigError(f"{path} would be plain text: leave .gz off")


def require_different(
    outputs: Iterable[tuple[str, Path | None]],
    inputs: Iterable[tuple[str, Path | None]] = (),
) -> None:
    """Raises ConfigError if an output, by its option, has the name of another, or of an
    input: one would be lost."""
    named = {
        path.resolve(): option
        for option, path in inputs
        if path is not None and path not in _STANDARD
    }
    for option, path in outputs:
        if path is None or path in _STANDARD:
            continue
        if first := named.get(path.resolve()):
            raise ConfigError(f"{first} and {option} are both {path}; name two files")
        named[path.resolve()] = option


def output_folder(path: Path) -> None:
    """Makes it where it is not there yet."""
    with _refusals(f"cannot write {path}"):
        path.mkdir(parents=True, exist_ok=True)


def _is_opened(path: Path) -> bool:
    """Whether it is another name of what somebody holds open, as /dev/stdout is."""
    for _ in range(_MAX_LINKS):
        path = path.parent.resolve() / path.name
        if path.is_relative_to("/proc"):
            return True
        if not path.is_symlink():
            return False
        path = path.parent / path.readlink()
    return False


def _opened(path: Path | None) -> RawIOBase | BufferedIOBase:
    if path is None or path in _STANDARD:
        return open(0, "rb", buffering=0, closefd=False)
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


@contextmanager
def _refusals(what: str) -> Iterator[None]:
    """The system's refusals, and a damaged archive's, as ConfigErrors."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as cause:
        raise ConfigError(
            f"{what}: {getattr(cause, 'strerror', 0) or cause}"
        ) from cause
