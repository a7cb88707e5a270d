"""Writes files and folders that are either whole or not there.

Unfinished and unwanted ones are called `.NAME.PROCESS`, which nobody else looks at.
"""

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from onnxlate.durable import sync
from onnxlate.errors import ConfigError, TrainingError


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces `path`; a crash leaves the old file or the new one.

    Raises TrainingError if the disk is full or may not be written.
    """
    temporary = _hidden(path)
    with translated(path):
        try:
            temporary.write_bytes(content)
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes files into a folder, by their names; none replaces another's.

    Raises ConfigError where a file of that name says something else, before any is
    written, and TrainingError if the folder cannot be written.
    """
    with translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = folder / name
            if path.exists() and not (path.is_file() and path.read_bytes() == content):
                raise ConfigError(
                    f"{path} is there already, and not the same; choose another folder"
                )
    for name, content in files.items():
        write_atomically(folder / name, content)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `path` at the end, or never.

    Raises TrainingError if the disk is full or may not be written.
    """
    temporary = _hidden(path)
    with translated(path):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            yield temporary
            for file in temporary.iterdir():
                sync(file)
            sync(temporary)
            remove_folder(path)
            temporary.replace(path)
            sync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def remove_folder(path: Path) -> None:
    """At once under this name, and then file by file; a crash leaves no half of it.

    Of a link to a folder the link goes."""
    if path.is_symlink():
        path.unlink()
    if not path.exists():
        return
    doomed = path.with_name(f".{path.name}.0")
    shutil.rmtree(doomed, ignore_errors=True)
    path.replace(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def sweep(folder: Path, name: str) -> None:
    """Removes from a folder what killed processes left half done of files and folders
    whose names match in whole."""
    for path in folder.glob(".*"):
        if not re.fullmatch(rf"\.({name})\.\d+", path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """The system's refusals as TrainingErrors that name the path."""
    try:
        yield
    except OSError as cause:
        # EFBIG is a limit on the size of files: the same to whoever meets it.
        full = cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = "; free some room and go on with --resume" if full else ""
        raise TrainingError(
            f"{path} cannot be written: {cause.strerror or cause}{remedy}"
        ) from cause


def _hidden(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")
