"""`onnxlate corpus`: files of any size, line by line, however often it is killed."""

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from onnxlate.answer import Format
from onnxlate.client import Client
from onnxlate.corpus import Job, Summary, Work
from onnxlate.corpus.asking import Asking
from onnxlate.corpus.job import LINES_PER_SHARD, begun_or_joined
from onnxlate.credentials import Credentials
from onnxlate.errors import ConfigError
from onnxlate.messages import MAX_CALLS, CallOptions, Translation

from . import options as shared
from . import wishes
from .credentials import with_credentials
from .files import output_folder
from .progress import Counter

_SUFFIXES = (".gz", ".txt")


@with_credentials
def corpus(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE...",
            help="Files of lines, plain or .gz, or folders of .txt and .gz files.",
        ),
    ],
    folder: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Where translations go. The same command again goes on there; "
            "commands on other machines with the same folder help.",
        ),
    ],
    server: shared.Server = shared.DEFAULT_SERVER,
    model: shared.Model = None,
    beam_size: shared.BeamSize = None,
    length_penalty: shared.LengthPenalty = None,
    max_target_tokens: shared.MaxTargetTokens = None,
    term: wishes.Terms = None,
    glossary: wishes.Glossary = None,
    truncate: Annotated[
        bool,
        typer.Option("--truncate", help="Cut lines that are too long, with a warning."),
    ] = False,
    text_format: Annotated[
        Format, typer.Option("--format", help="What a line is.")
    ] = Format.SENTENCE,
    lines_per_shard: Annotated[
        int | None,
        typer.Option(
            "--shard-lines",
            min=1,
            help="Lines that are done, or done again, together.",
            show_default=str(LINES_PER_SHARD),
        ),
    ] = None,
    num_calls: Annotated[
        int | None,
        typer.Option(
            "--calls",
            min=1,
            help="Calls at a time.",
            show_default=f"{MAX_CALLS} for each server",
        ),
    ] = None,
    patience_s: Annotated[
        float,
        typer.Option(
            "--patience", min=0, help="Seconds without any answer before it gives up."
        ),
    ] = 600.0,
    timeout_s: shared.TimeoutS = 60.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what became of it as JSON.")
    ] = False,
    *,
    credentials: Credentials,
) -> None:
    """Translate files of any size, each line to one line, in order.

    A process that is killed loses a shard at most, and the same command does the rest.
    """
    options = CallOptions(
        beam_size=beam_size,
        length_penalty=length_penalty,
        max_target_tokens=max_target_tokens,
        terms=wishes.terms(term),
        glossary=glossary,
        truncate_source=truncate or None,
        format=text_format if text_format is not Format.SENTENCE else None,
    )
    paths = _files(sources, folder)
    output_folder(folder)
    with Client(server, timeout_s=timeout_s, credentials=credentials) as client:
        served = client.model(model or "")
        options["model"] = served.full_name
        client.translate([" "], **options)  # refuses what cannot be meant
        job = begun_or_joined(folder, paths, served, options, lines_per_shard)
        asking = Asking(
            _call(client), options, job.digest, patience_s, hang_up=client.close
        )
        calls = num_calls or MAX_CALLS * len(server.split(","))
        with (
            closing(Work(folder, job, paths, asking, calls)) as work,
            Counter(work.bytes_left, visible=True) as counter,
        ):
            summary = work.run(counter.add)
    _say(folder, job, summary, as_json)


def _call(client: Client) -> Callable[[list[str], CallOptions], Sequence[Translation]]:
    def call(texts: list[str], options: CallOptions) -> Sequence[Translation]:
        return client.start(texts, **options).result()

    return call


def _files(sources: Sequence[Path], output: Path) -> list[Path]:
    found: list[Path] = []
    for source in sources:
        if source.is_dir():
            if source.resolve() == output.resolve():
                raise ConfigError(
                    f"translations in {output} would be sources of the same command "
                    "when it goes on; choose another --output"
                )
            inside = sorted(p for p in source.iterdir() if p.suffix in _SUFFIXES)
            if not inside:
                raise ConfigError(f"{source} has no {' or '.join(_SUFFIXES)} files")
            found += inside
        else:
            found.append(source)
    return found


def _say(folder: Path, job: Job, summary: Summary, as_json: bool) -> None:
    if as_json:
        record = {
            "outputs": [str(folder / name) for name in job.outputs],
            "model": job.model,
            "digest": job.digest,
            **asdict(summary),
        }
        print(json.dumps(record, ensure_ascii=False))
        return
    counts = ", ".join(f"{n} {kind}" for kind, n in summary.warning_counts.items())
    print(
        f"{', '.join(str(folder / name) for name in job.outputs)}: {summary.lines} "
        f"lines, {summary.lines_here} of them translated now and "
        f"{summary.lines_before} before; warnings: {counts or 'none'}",
        file=sys.stderr,
    )
