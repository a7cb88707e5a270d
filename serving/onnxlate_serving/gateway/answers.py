"""Translations as JSON, under the names that the proto has."""

from collections.abc import Callable
from ctypes import c_float
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


def _rounded(value: float) -> float:
    return round(value, DIGITS)


def plain(value: Any, number: Callable[[float], float] = _rounded) -> Any:
    """Records as objects, enums as their words."""
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((each.name, getattr(value, each.name)) for each in fields(value))
        given = ((name, v) for name, v in pairs if v is not None and v != ())
        return {name: plain(v, number) for name, v in given}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list | tuple):
        return [plain(each, number) for each in value]
    if isinstance(value, dict):  # options; sent back they have to mean the same
        return {name: plain(each, _exact) for name, each in value.items()}
    return value


def _exact(value: float) -> float:
    """The shortest number that is the same one in single precision."""
    lengths = (float(f"{value:.{digits}g}") for digits in range(1, 10))
    same = (each for each in lengths if c_float(each).value == value)
    return next(same, value)
