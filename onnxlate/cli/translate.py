"""`onnxlate translate`: arguments, lines or a file through a server."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from onnxlate.answer import Format, WarningKind
from onnxlate.client import Client
from onnxlate.credentials import Credentials
from onnxlate.documents import Settings
from onnxlate.errors import ConfigError, InvalidRequest
from onnxlate.messages import CallOptions, Translation
from onnxlate.parallel_text import one_line

from . import format, wishes
from . import options as shared
from .credentials import with_credentials
from .document import translate_file
from .files import input_file, output_file, require_different
from .lines import read_lines, read_whole
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
    length_penalty: shared.LengthPenalty = None,
    max_target_tokens: shared.MaxTargetTokens = None,
    min_target_tokens: wishes.MinTargetTokens = None,
    sample: wishes.Sample = False,
    temperature: wishes.Temperature = None,
    top_k: wishes.TopK = None,
    top_p: wishes.TopP = None,
    seed: wishes.Seed = None,
    repetition_penalty: wishes.RepetitionPenalty = None,
    coverage_penalty: wishes.CoveragePenalty = None,
    no_repeat_ngram: wishes.NoRepeatNgram = None,
    prefix: wishes.Prefix = None,
    ban: wishes.Ban = None,
    protect: wishes.Protect = None,
    keep: wishes.Keep = None,
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
    alignment: Annotated[
        bool,
        typer.Option(
            "--alignment",
            help="Print a tab behind each, and which words are which: 0-0 1-2.",
        ),
    ] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Print the words as they are decided.")
    ] = False,
    as_json: shared.Json = False,
    text_format: shared.TextFormat = Format.SENTENCE,
    source: Annotated[
        Path | None,
        typer.Option("--input", "-i", help="File to read instead of standard input."),
    ] = None,
    output: shared.Output = None,
    timeout_s: shared.TimeoutS = 60.0,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            help="A txt, md, html, srt, po, json, csv or docx file to translate as a "
            "whole, its structure intact, to --output or to NAME.LANGUAGE beside it.",
        ),
    ] = None,
    keys: Annotated[
        list[str] | None,
        typer.Option(
            "--keys",
            metavar="PATTERN",
            help="JSON: which values, by path (menu.*.title) or key; all by default.",
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            metavar="NAME[=NEW]",
            help="CSV: column to translate, in place or into another one.",
        ),
    ] = None,
    retranslate: Annotated[
        bool,
        typer.Option(
            "--retranslate", help="PO: also messages that have a translation."
        ),
    ] = False,
    fuzzy: Annotated[
        bool,
        typer.Option(help="PO: mark new translations for a person to look at."),
    ] = True,
    *,
    credentials: Credentials,
) -> None:
    """Translate arguments, lines or a file through a server."""
    settings = Settings(tuple(keys or ()), tuple(columns or ()), retranslate, fuzzy)
    if file is None and settings != Settings():
        raise ConfigError(
            "--keys, --columns, --retranslate and --no-fuzzy are for --file"
        )
    if file and (texts or source or stream or scores or truncate or num_hypotheses):
        raise ConfigError(
            "--file goes without texts, --input, --stream, --scores, --truncate and "
            "--num-hypotheses"
        )
    whole = text_format is not Format.SENTENCE
    if file and (whole or alignment or tokens):
        raise ConfigError(
            "--file goes without --format, which the file's name says, and without "
            "--alignment and --tokens, for which a file has no room"
        )
    if texts and source:
        raise ConfigError("give texts or --input, not both")
    several = scores or alignment or (num_hypotheses or 1) > 1
    if stream and not as_json and several:
        raise ConfigError("--stream prints one translation's words; add --json")
    # A document is one text, and is written as it is.
    if whole and not as_json and several:
        raise ConfigError(f"--format {text_format.value} prints one text; add --json")
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
        coverage_penalty=coverage_penalty,
        no_repeat_ngram_size=no_repeat_ngram,
        target_prefix=prefix,
        banned_phrases=ban,
        protect=protect,
        protected_phrases=keep,
        terms=wishes.terms(term),
        glossary=glossary,
        return_tokens=tokens or None,
        return_scores=scores or None,
        truncate_source=truncate or None,
        return_alignment=alignment or None,
        format=text_format if whole else None,
    )
    if file:
        options["timeout_s"] = timeout_s
        with Client(server, timeout_s=timeout_s, credentials=credentials) as client:
            translate_file(client, file, output, settings, options, as_json)
        return
    require_different([("--output", output)], [("--input", source)])
    with (
        Client(server, timeout_s=timeout_s, credentials=credentials) as client,
        _groups(texts, source, whole) as groups,
        output_file(output) as out,
    ):
        if stream:
            _stream(client, groups, options, out, as_json, whole and not texts)
            return
        line_of = _format(as_json, alignment, bool(scores or num_hypotheses), whole)
        end = "" if whole and not (texts or as_json) else "\n"
        with Counter(_size(source), _drawn(source, output)) as counter:
            for batch, answers in translated(client, groups, options):
                for each, line in zip(answers, batch.lines, strict=True):
                    out.write(f"{line_of(each, line)}{end}".encode())
                out.flush()
                counter.add(batch.lines)
                for number, each in enumerate(answers, batch.first):
                    for warning in _warnings(each, number, whole):
                        counter.warn(warning)


def _format(
    as_json: bool, alignment: bool, columns: bool, whole: bool
) -> format.Format:
    if as_json:
        return format.as_json
    if whole:
        return format.whole
    if alignment:
        return format.aligned
    return format.columns if columns else format.plain


@contextmanager
def _groups(
    texts: list[str] | None, source: Path | None, whole: bool
) -> Iterator[Iterator[list[str]]]:
    """What is to be translated, in lists as they come; or `whole`, as one text."""
    if texts:
        yield iter([texts])
        return
    if source is None and sys.stdin.isatty():
        print("reading lines from the terminal; Ctrl-D ends", file=sys.stderr)
    with input_file(source) as read:
        yield iter([[read_whole(read)]]) if whole else read_lines(read)


def _stream(
    client: Client,
    groups: Iterator[list[str]],
    options: CallOptions,
    out: BinaryIO,
    as_json: bool,
    exact: bool,
) -> None:
    """One text after the other, each piece at once; `exact` adds nothing to it."""
    texts = (text for group in groups for text in group)
    for number, text in enumerate(texts, 1):
        with client.stream(text, **options) as pieces:
            for piece in _of_line(number, pieces):
                record = json.dumps({"piece": piece}, ensure_ascii=False) + "\n"
                plain = piece if options.get("format") else one_line(piece)
                out.write((record if as_json else plain).encode())
                out.flush()
        end = format.as_json(pieces.result) if as_json else ""
        out.write((end if exact and not as_json else f"{end}\n").encode())
        out.flush()
        for warning in _warnings(pieces.result, number, bool(options.get("format"))):
            print(f"warning: {warning}", file=sys.stderr)


def _of_line(number: int, pieces: Iterator[str]) -> Iterator[str]:
    try:
        yield from pieces
    except InvalidRequest as error:
        raise type(error)(f"line {number}: {error}") from error


def _warnings(translation: Translation, number: int, whole: bool) -> Iterator[str]:
    """What is doubtful about it, with the place: a line's number, or characters."""
    if translation.truncated:
        dropped = translation.num_dropped_source_tokens
        place = f"{'text' if whole else 'line'} {number}"
        yield f"{place}: the last {dropped} tokens of the source were not read"
    for each in translation.warnings:
        if each.kind is WarningKind.TRUNCATED_SOURCE:
            continue  # that was it
        place = f"line {number}"
        if whole:
            place = f"text {number}, characters {each.source.start}-{each.source.end}"
        yield f"{place}: {each.kind.value}: {each.details}"


def _size(source: Path | None) -> int | None:
    """Bytes to come, where the file tells."""
    known = source and source.is_file() and source.suffix != ".gz"
    return source.stat().st_size if source and known else None


def _drawn(source: Path | None, output: Path | None) -> bool:
    """A bar is for a file's translation, and not between lines on the screen."""
    return bool(source or output) and bool(output or not sys.stdout.isatty())
