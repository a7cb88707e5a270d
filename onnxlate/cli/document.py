"""`onnxlate translate --file`: a file, and its translation beside it."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from onnxlate.client import Client
from onnxlate.documents import (
    Document,
    Journal,
    Report,
    Settings,
    open_document,
    translate_document,
    translated_name,
)
from onnxlate.errors import ConfigError, OnnxlateError
from onnxlate.messages import CallOptions, ServedModel

from .files import output_file
from .progress import Counter

STANDARD_OUTPUT = Path("-")

MAX_SHOWN = 20
"""Remarks that are printed; --json has them all."""


def translate_file(
    client: Client,
    source: Path,
    output: Path | None,
    settings: Settings,
    options: CallOptions,
    as_json: bool,
) -> None:
    """Writes the translated file, and says what became of it."""
    if as_json and output == STANDARD_OUTPUT:
        raise ConfigError("--json and the file cannot both go to standard output")
    document = open_document(source.name, _read(source), settings)
    model = client.model(options.get("model") or "")
    target = _target(source, output, model)
    report = _written(client, document, model, options, target)
    if as_json:
        print(_summary(source, target, model, report))
    else:
        _say(target, report)


def journal_of(target: Path) -> Path | None:
    """Where a run keeps what it has, until the file is written."""
    if target == STANDARD_OUTPUT or (target.exists() and not target.is_file()):
        return None
    return target.with_name(f"{target.name}.part.jsonl")


def _target(source: Path, output: Path | None, model: ServedModel) -> Path:
    if output is not None and not output.is_dir():
        return output
    target = (output or source.parent) / translated_name(source.name, model)
    if target.exists():
        raise ConfigError(
            f"{target} is there already; name it with --output to have it replaced"
        )
    return target


def _written(
    client: Client,
    document: Document,
    model: ServedModel,
    options: CallOptions,
    target: Path,
) -> Report:
    texts = [unit.text for unit in document.units]
    total = sum(len(text.encode()) + 1 for text in texts)
    path = journal_of(target)
    with Journal(path) as journal:
        with Counter(total, target != STANDARD_OUTPUT, noun="texts") as counter:
            try:
                data, report = translate_document(
                    client, document, model, options, journal, counter.add
                )
            except OnnxlateError as error:
                raise _with_a_way_on(error, journal.num_kept, path) from error
        with output_file(target) as out:
            out.write(data)
        journal.remove()
    return report


def _with_a_way_on(
    error: OnnxlateError, num_kept: int, journal: Path | None
) -> OnnxlateError:
    if not num_kept:
        return error
    return type(error)(
        f"{error}; {num_kept} texts are done and kept in {journal}: the same command "
        "goes on from there"
    )


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as cause:
        raise ConfigError(f"cannot read {source}: {cause.strerror}") from cause


def _summary(source: Path, target: Path, model: ServedModel, report: Report) -> str:
    record = {
        "input": str(source),
        "output": str(target),
        "model": model.full_name,
        "digest": model.digest,
        "source_language": model.source_language,
        "target_language": model.target_language,
        "units": report.units,
        "characters": report.characters,
        "resumed": report.resumed,
        "untranslated": report.untranslated,
        "warning_counts": report.counts,
        "warnings": [asdict(remark) for remark in report.remarks],
    }
    return json.dumps(record, ensure_ascii=False)


def _say(target: Path, report: Report) -> None:
    for remark in report.remarks[:MAX_SHOWN]:
        print(f"warning: {remark}", file=sys.stderr)
    if (hidden := len(report.remarks) - MAX_SHOWN) > 0:
        print(f"warning: and {hidden} more; --json has them all", file=sys.stderr)
    counts = ", ".join(f"{number} {kind}" for kind, number in report.counts.items())
    resumed = f", {report.resumed} of them from the run before" * bool(report.resumed)
    print(
        f"{target}: {report.units} texts, {report.characters} characters{resumed}; "
        f"warnings: {counts or 'none'}",
        file=sys.stderr,
    )
