"""Marian's YAML, of which everything is read as text: `yes` and `1` are words, too."""

from pathlib import Path
from typing import Any

import yaml

from onnxlate.errors import ExportError


def read_yaml(path: Path) -> dict[str, Any]:
    """Raises ExportError if it is missing or no YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as cause:
        raise ExportError(f"{path} is missing or no text") from cause
    return parsed(text, path)


def parsed(text: str, path: Path) -> dict[str, Any]:
    """`path` is where it comes from; raises ExportError."""
    try:
        found = yaml.load(text, yaml.BaseLoader)
    except yaml.YAMLError as cause:
        reason = " ".join(str(cause).split())
        raise ExportError(f"{path} is no YAML: {reason:.200}") from cause
    if not isinstance(found, dict):
        raise ExportError(f"{path} is no YAML with `name: value` in each line")
    return found


def number(settings: dict[str, Any], name: str, path: Path) -> int:
    """Raises ExportError if it is none."""
    given = settings.get(name)
    if not isinstance(given, str) or not given.isdecimal():
        raise ExportError(f"{path}: {name} is {given!r:.40} and must be a number")
    return int(given)
