"""Translations as JSON, under the names that the proto has."""

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from onnxlate.messages import ServedModel, Translation

DIGITS = 4
"""Of probabilities and scores, which is more than a picture shows."""


def answer(translation: Translation) -> dict[str, Any]:
    """The text first; nothing that is None or empty."""
    said = plain(translation)
    assert isinstance(said, dict)
    return {"text": translation.text, **said}


def model(served: ServedModel) -> dict[str, Any]:
    described = plain(served)
    assert isinstance(described, dict)
    return described


def plain(value: Any) -> Any:
    """Records as objects, enums as their words."""
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((each.name, getattr(value, each.name)) for each in fields(value))
        return {name: plain(v) for name, v in pairs if v is not None and v != ()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return value
