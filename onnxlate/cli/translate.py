"""`onnxlate translate`: arguments, lines or a file through a server."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from onnxlate.client import Client
from onnxlate.credentials import Credentials
from onnxlate.errors import ConfigError
from onnxlate.messages import CallOptions, Translation

from . import format, wishes
from . import options as shared
from .credentials import with_credentials
from .files import input_file, output_file
from .lines import one_line, read_lines
from .pipeline import translated
from .progress import Counter


@with_credentials
def translate(
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...",
            help="Texts; without any, each line of the input becomes one of output.",
        ),
    ] = None,
    server: shared.Server = shared.DEFAULT_SERVER,
    model: shared.Model = None,
    beam_size: shared.BeamSize = None,
    num_hypotheses: Annotated[
        int | None,
        typer.Option(min=1, help="Best translations to print, side by side with tabs."),
    ] = None,
    length_penalty: Annotated[
        float | None,
        typer.Option(help="0 favours short translations, 1 compares averages."),
    ] = None,
    max_target_tokens: Annotated[
        int | None, typer.Option(min=1, help="Longest translation in tokens.")
    ] = None,
    min_target_tokens: wishes.MinTargetTokens = None,
    sample: wishes.Sample = False,
    temperature: wishes.Temperature = None,
    top_k: wishes.TopK = None,
    top_p: wishes.TopP = None,
    seed: wishes.Seed = None,
    repetition_penalty: wishes.RepetitionPenalty = None,
    no_repeat_ngram: wishes.NoRepeatNgram = None,
    prefix: wishes.Prefix = None,
    ban: wishes.Ban = None,
    term: wishes.Terms = None,
    glossary: wishes.Glossary = None,
    tokens: wishes.Tokens = False,
    truncate: Annotated[
        bool,
        typer.Option("--truncate", help="Cut what is too long, and say so on stderr."),
    ] = False,
    scores: Annotated[
        bool,
        typer.Option("--scores", help="Print the score and a tab before each."),
    ] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Print the words as they are decided.")
    ] = False,
    as_json: shared.Json = False,
    source: Annotated[
        Path | None,
        typer.Option("--input", "-i", help="File to read instead of standard input."),
    ] = None,
    output: shared.Output = None,
    timeout_s: shared.TimeoutS = 60.0,
    *,
    credentials: Credentials,
) -> None:
    """Translate arguments, lines or a file through a server."""
    if texts and source:
        raise ConfigError("give texts or --input, not both")
    if stream and not as_json and (scores or (num_hypotheses or 1) > 1):
        raise ConfigError("--stream prints one translation's words; add --json")
    if tokens and not as_json:
        raise ConfigError("--tokens are printed with --json alone")
    options = CallOptions(
        model=model,
        beam_size=beam_size,
        num_hypotheses=num_hypotheses,
        length_penalty=length_penalty,
        max_target_tokens=max_target_tokens,
        min_target_tokens=min_target_tokens,
        sampling=wishes.sampling(sample, temperature, top_k, top_p, seed),
        repetition_penalty=repetition_penalty,
        no_repeat_ngram_size=no_repeat_ngram,
        target_prefix=prefix,
        banned_phrases=ban,
        terms=wishes.terms(term),
        glossary=glossary,
        return_tokens=tokens or None,
        return_scores=scores or None,
        truncate_source=truncate or None,
    )
    with (
        Client(server, timeout_s=timeout_s, credentials=credentials) as client,
        _groups(texts, source) as groups,
        output_file(output) as out,
    ):
        if stream:
            _stream(client, groups, options, out, as_json)
            return
        plain = format.columns if scores or num_hypotheses else format.plain
        line_of = format.as_json if as_json else plain
        with Counter(_size(source), _drawn(source, output)) as counter:
            for batch, answers in translated(client, groups, options):
                out.write("".join(line_of(each) + "\n" for each in answers).encode())
                out.flush()
                counter.add(batch.lines)
                for number, each in enumerate(answers, batch.first):
                    if each.truncated:
                        counter.warn(_truncation(number, each))


@contextmanager
def _groups(
    texts: list[str] | None, source: Path | None
) -> Iterator[Iterator[list[str]]]:
    """What is to be translated, in lists as they come."""
    if texts:
        yield iter([texts])
        return
    if source is None and sys.stdin.isatty():
        print("reading lines from the terminal; Ctrl-D ends", file=sys.stderr)
    with input_file(source) as read:
        yield read_lines(read)


def _stream(
    client: Client,
    groups: Iterator[list[str]],
    options: CallOptions,
    out: BinaryIO,
    as_json: bool,
) -> None:
    """One text after the other, each piece at once."""
    texts = (text for group in groups for text in group)
    for number, text in enumerate(texts, 1):
        with client.stream(text, **options) as pieces:
            for piece in pieces:
                record = json.dumps({"piece": piece}, ensure_ascii=False) + "\n"
                out.write((record if as_json else one_line(piece)).encode())
                out.flush()
        end = format.as_json(pieces.result) if as_json else ""
        out.write(f"{end}\n".encode())
        out.flush()
        if pieces.result.truncated:
            print(f"warning: {_truncation(number, pieces.result)}", file=sys.stderr)


def _truncation(number: int, translation: Translation) -> str:
    return (
        f"line {number}: the last {translation.num_dropped_source_tokens} tokens of "
        "the source were not read"
    )


def _size(source: Path | None) -> int | None:
    """Bytes to come, where the file tells."""
    known = source and source.is_file() and source.suffix != ".gz"
    return source.stat().st_size if source and known else None


def _drawn(source: Path | None, output: Path | None) -> bool:
    """A bar is for a file's translation, and not between lines on the screen."""
    return bool(source or output) and bool(output or not sys.stdout.isatty())
