"""Best settings: looked for once, and kept in a folder."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from .machine import machine
from .settings import Record

R = TypeVar("R", bound=Record)


class SweepWhen(StrEnum):
    """Whether to look for a peer's best settings."""

    missing = "missing"
    anew = "anew"
    never = "never"


def remembered(
    folder: Path, when: SweepWhen, name: str, first: R, find: Callable[[], R]
) -> R:
    """What `find` finds, or found for that name here the last time; `first` where
    nothing is to be looked for."""
    if when is SweepWhen.never:
        return first
    mark = hashlib.sha256(f"{name}, {machine()}".encode()).hexdigest()[:16]
    path = folder / "settings" / f"{mark}.json"
    if path.exists() and when is SweepWhen.missing:
        with suppress(ValidationError):  # of another version of ours
            return type(first).model_validate_json(path.read_bytes())
    found = find()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(found.model_dump_json(indent=2))
    return found
