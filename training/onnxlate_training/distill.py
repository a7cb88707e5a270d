"""`onnxlate distill`: what trained models make of a text, for another to learn from.

Sequence-level knowledge distillation (Kim and Rush 2016): a student that is trained on
a teacher's translations instead of people's, or beside them, learns more, since what
it is shown has one style and fewer surprises. Several teachers decide each token
together.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from onnxlate.cli.files import output_file, require_different
from onnxlate.errors import ConfigError, TrainingError
from onnxlate.evaluation.metrics import Metric, MetricName, metric
from onnxlate.finish import FinishReason
from onnxlate.parallel_text import one_line, read_parallel, read_text
from onnxlate.text import Tokenizer

from .checkpoint import LoadedModel, load_model
from .decode import EnsembleStepper, decode
from .validation import search_options
from .vocabularies import require_one_vocabulary
from .workers import find_device

TOKENS_PER_BATCH = {"cpu": 4096, "cuda": 32768}
"""Source tokens with padding, for each hypothesis of the beam."""


class DeviceName(StrEnum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Teachers:
    """One trained model or more, of one vocabulary."""

    def __init__(
        self,
        members: Sequence[LoadedModel],
        device: torch.device,
        batch_tokens: int | None = None,
    ) -> None:
        """The first one's length penalty counts.

        Raises ConfigError if their vocabularies or languages differ.
        """
        first = members[0]
        for other in members[1:]:
            _require_alike(first, other)
        self._source = Tokenizer(first.source_tokenizer)
        self._target = Tokenizer(first.target_tokenizer)
        self._stepper = EnsembleStepper([each.model.to(device) for each in members])
        self._max_tokens = min(each.max_source_tokens for each in members)
        self._defaults = first.defaults
        self._batch_tokens = batch_tokens or TOKENS_PER_BATCH[device.type]

    def translate(
        self,
        texts: Sequence[str],
        beam_size: int,
        num_hypotheses: int,
        on_progress: Callable[[int], None] | None = None,
    ) -> list[list[str]]:
        """Each text's translations, best first, each a single line.

        None where the text is blank or too long for a teacher, or where none comes to
        an end. `on_progress` hears how many sentences each batch finished. Raises
        TrainingError if a GPU's memory is too small.
        """
        ids = [self._source.encode(text) for text in texts]
        ids = [each if len(each) <= self._max_tokens else [] for each in ids]
        options = [
            search_options(
                len(each), self._max_tokens, self._defaults, beam_size, num_hypotheses
            )
            for each in ids
        ]
        try:
            found = decode(self._stepper, ids, options, self._batch_tokens, on_progress)
        except torch.OutOfMemoryError as cause:
            raise TrainingError(
                f"batches of {self._batch_tokens} tokens do not fit the GPU's memory; "
                "make them smaller with --batch-tokens"
            ) from cause
        lines = (
            [
                one_line(self._target.decode(one.tokens))
                for one in each
                if one.finish_reason is FinishReason.EOS
            ]
            for each in found
        )
        return [[line for line in each if line.strip()] for each in lines]


def nearest(translations: Sequence[str], reference: str) -> str:
    """The one most like the reference, by chrF; of equals the better one.

    Kim and Rush 2016, section 3.3: what a teacher would say and a person said too.
    """
    score = _chrf().sentence_score
    return max(translations, key=lambda each: score(each, reference))


@cache
def _chrf() -> Metric:
    """Set up once, not for every line."""
    return metric(MetricName.CHRF)


def distill(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Training runs; several work as one teacher, with the first one's "
            "length penalty."
        ),
    ],
    source: Annotated[
        Path, typer.Option(help="The text, a sentence a line; .gz where it ends so.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Their translations, line by line.")
    ],
    reference: Annotated[
        Path | None, typer.Option(help="People's translations, for --nearest.")
    ] = None,
    nearest_output: Annotated[
        Path | None,
        typer.Option(
            "--nearest",
            help="Also of each line the hypothesis most like the reference.",
        ),
    ] = None,
    beam_size: Annotated[int, typer.Option(min=1, help="Hypotheses kept.")] = 5,
    batch_tokens: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Source tokens in a batch, counted for each hypothesis.",
            show_default="4096, or 32768 on a GPU",
        ),
    ] = None,
    device: Annotated[
        DeviceName, typer.Option(help="auto takes a GPU if there is one.")
    ] = DeviceName.auto,
    as_json: Annotated[
        bool, typer.Option("--json", help="End with one line of JSON on stdout.")
    ] = False,
) -> None:
    """Translate a text with trained models, for a student to be trained on.

    A line stays empty where its source is, or is too long, or no translation ends.
    """
    if (reference is None) != (nearest_output is None):
        raise ConfigError("--reference and --nearest go together")
    require_different(
        [("--output", output), ("--nearest", nearest_output)],
        [("--source", source), ("--reference", reference)],
    )
    references: list[str] = []
    if reference:
        texts, references = read_parallel(source, reference)
    else:
        texts = read_text(source)
    members = [load_model(run) for run in runs]
    chosen = find_device(device.value, "--device")
    teachers = Teachers(members, chosen, batch_tokens)
    # Opened before the work, which may take hours.
    with ExitStack() as files:
        best = files.enter_context(_written(output))
        close = (
            files.enter_context(_written(nearest_output)) if nearest_output else None
        )
        found = _with_bar(teachers, texts, beam_size, beam_size if close else 1)
        best(each[0] if each else "" for each in found)
        if close:
            pairs = zip(found, references, strict=True)
            close(nearest(each, right) if each else "" for each, right in pairs)
    empty = sum(
        bool(text.strip()) and not each for text, each in zip(texts, found, strict=True)
    )
    if as_json:
        figures = {"lines": len(texts), "teachers": len(runs), "left_empty": empty}
        print(json.dumps(figures))
    elif empty:
        typer.echo(
            f"{empty} of {len(texts)} lines are left empty: too long, or without end",
            err=True,
        )


@contextmanager
def _written(path: Path) -> Iterator[Callable[[Iterable[str]], None]]:
    """A function that writes lines to the file; it appears when all went well.

    Raises ConfigError if it cannot be written, or ends in .gz, which it would not be.
    """
    with output_file(path) as file:
        yield lambda lines: file.writelines(f"{line}\n".encode() for line in lines)


def _with_bar(
    teachers: Teachers, texts: Sequence[str], beam_size: int, num_hypotheses: int
) -> list[list[str]]:
    console = Console(stderr=True)
    with Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("", total=len(texts))
        return teachers.translate(
            texts, beam_size, num_hypotheses, lambda n: bar.advance(task, n)
        )


def _require_alike(one: LoadedModel, other: LoadedModel) -> None:
    mine, theirs = (
        f"{each.source_language} to {each.target_language}" for each in (one, other)
    )
    if mine != theirs:
        raise ConfigError(f"teachers that work together differ: {mine} and {theirs}")
    require_one_vocabulary(
        (one.source_tokenizer, one.target_tokenizer),
        (other.source_tokenizer, other.target_tokenizer),
        "teachers that choose tokens together",
    )
