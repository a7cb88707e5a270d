"""How a translation is printed: as one line of text, or of JSON."""

import json
from collections.abc import Callable, Collection
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from onnxlate.messages import Translation

from .lines import one_line

Format = Callable[[Translation], str]


def plain(translation: Translation) -> str:
    return one_line(translation.text)


def columns(translation: Translation) -> str:
    """Hypotheses, each behind its score if it has one, with tabs between."""
    cells: list[str] = []
    for hypothesis in translation.hypotheses:
        if hypothesis.score is not None:
            cells.append(f"{hypothesis.score:.4f}")
        cells.append(one_line(hypothesis.text).replace("\t", " "))
    return "\t".join(cells)


def as_json(translation: Translation) -> str:
    record = {
        "text": translation.text,
        "model": translation.model,
        "version": translation.version,
        "digest": translation.digest,
        "options": plain_data(dict(translation.options)),
        "num_source_tokens": translation.num_source_tokens,
        "num_dropped_source_tokens": translation.num_dropped_source_tokens,
        "truncated": translation.truncated,
        "hypotheses": [plain_data(each) for each in translation.hypotheses],
        **plain_data(translation, only=OPTIONAL),
    }
    return json.dumps(record, ensure_ascii=False)


OPTIONAL = ("segments", "protected_items", "terms", "warnings")


def plain_data(record: Any, only: Collection[str] = ()) -> Any:
    """Dataclasses as objects without their empty lists, enums as their values."""
    if isinstance(record, Enum):
        return record.value
    if isinstance(record, tuple):
        return [plain_data(each) for each in record]
    if isinstance(record, dict):
        return {name: plain_data(value) for name, value in record.items()}
    if not is_dataclass(record):
        return record
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {
        name: plain_data(value)
        for name, value in values.items()
        if value != () and (not only or name in only)
    }
