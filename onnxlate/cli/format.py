"""How a translation is printed: as one line of text, or of JSON."""

import json
from collections.abc import Callable
from dataclasses import asdict

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
    hypotheses = [
        {**asdict(each), "finish_reason": each.finish_reason.value}
        for each in translation.hypotheses
    ]
    record = {
        "text": translation.text,
        "model": translation.model,
        "num_source_tokens": translation.num_source_tokens,
        "num_dropped_source_tokens": translation.num_dropped_source_tokens,
        "truncated": translation.truncated,
        "hypotheses": hypotheses,
    }
    return json.dumps(record, ensure_ascii=False)
