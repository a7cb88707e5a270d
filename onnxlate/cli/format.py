"""How a translation is printed: as one line of text, or of JSON."""

import json
import re
from collections.abc import Callable, Collection
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from onnxlate.answer import Span
from onnxlate.messages import Hypothesis, Translation
from onnxlate.parallel_text import one_line

Format = Callable[[Translation, str], str]
"""Told a translation and what was translated."""


def plain(translation: Translation, source: str) -> str:
    return one_line(translation.text)


def whole(translation: Translation, source: str) -> str:
    """With its line breaks, of which there are as many as in its source."""
    return translation.text


def columns(translation: Translation, source: str) -> str:
    """Hypotheses, each behind its score if it has one, with tabs between."""
    return "\t".join(_cells(translation))


def aligned(translation: Translation, source: str) -> str:
    """The same, and behind each hypothesis which words are which."""
    return "\t".join(_cells(translation, source))


def _cells(translation: Translation, source: str | None = None) -> list[str]:
    cells: list[str] = []
    for hypothesis in translation.hypotheses:
        if hypothesis.score is not None:
            cells.append(f"{hypothesis.score:.4f}")
        cells.append(one_line(hypothesis.text).replace("\t", " "))
        if source is not None:
            cells.append(pharaoh(source, hypothesis))
    return cells


def pharaoh(source: str, hypothesis: Hypothesis) -> str:
    """Links as pairs of words counted from 0, as aligners print them: "0-0 1-2".

    Words are what stands between white space, since that is how others count them.
    """
    pairs = {
        (s, t)
        for link in hypothesis.alignment
        for s in _words(source, link.source)
        for t in _words(hypothesis.text, link.target)
    }
    return " ".join(f"{s}-{t}" for s, t in sorted(pairs))


def _words(text: str, span: Span) -> list[int]:
    """Which words of the text the span is in."""
    words = re.finditer(r"\S+", text)
    return [
        number
        for number, word in enumerate(words)
        if word.start() < span.end and span.start < word.end()
    ]


def as_json(translation: Translation, source: str = "") -> str:
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
