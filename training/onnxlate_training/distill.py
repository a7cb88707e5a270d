"""`onnxlate distill`: what trained models make of a text, for another to learn from.

Sequence-level knowledge distillation (Kim and Rush 2016): a student that is trained on
a teacher's translations instead of people's, or beside them, learns more, since what
it is shown has one style and fewer surprises. Several teachers decide each token
together.
"""

import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from onnxlate.cli.files import output_file
from onnxlate.errors import ConfigError
from onnxlate.evaluation.metrics import MetricName, metric
from onnxlate.parallel_text import read_parallel, read_text
from onnxlate.text import Tokenizer

from .checkpoint import LoadedModel, load_model
from .decode import EnsembleStepper, decode
from .recipe import DecodeConfig
from .validation import search_options
from .workers import find_device

TOKENS_PER_BATCH = {"cpu": 4096, "cuda": 32768}
"""Source tokens with padding, for each hypothesis of the beam."""


class DeviceName(StrEnum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Teachers:
    """One trained model or more, of one vocabulary."""

    def __init__(self, members: Sequence[LoadedModel], device: torch.device) -> None:
        """Raises ConfigError if their vocabularies differ."""
        first = members[0]
        for other in members[1:]:
            _require_same_vocabulary(first, other)
        self._source = Tokenizer(first.source_tokenizer)
        self._target = Tokenizer(first.target_tokenizer)
        self._stepper = EnsembleStepper([each.model.to(device) for each in members])
        self._max_tokens = min(each.max_source_tokens for each in members)
        self._config = DecodeConfig(length_penalty=first.length_penalty)
        self._batch_tokens = TOKENS_PER_BATCH[device.type]

    def translate(
        self,
        texts: Sequence[str],
        beam_size: int,
        on_progress: Callable[[int], None] | None = None,
    ) -> list[list[str]]:
        """Each text's translations, at most `beam_size`, best first; [""] of a blank.

        `on_progress` hears how many sentences each batch finished.
        """
        ids = [self._source.encode(text)[: self._max_tokens] for text in texts]
        options = [
            search_options(
                len(each), self._max_tokens, self._config, beam_size, beam_size
            )
            for each in ids
        ]
        found = decode(self._stepper, ids, options, self._batch_tokens, on_progress)
        return [[self._target.decode(one.tokens) for one in each] for each in found]


def nearest(translations: Sequence[str], reference: str) -> str:
    """The one most like the reference, by chrF; of equals the better one.

    Kim and Rush 2016, section 3.3: what a teacher would say and a person said too.
    """
    score = metric(MetricName.CHRF).sentence_score
    return max(translations, key=lambda each: score(each, reference))


def distill(
    runs: Annotated[
        list[Path], typer.Argument(help="Training runs; several work as one teacher.")
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
    device: Annotated[
        DeviceName, typer.Option(help="auto takes a GPU if there is one.")
    ] = DeviceName.auto,
    as_json: Annotated[
        bool, typer.Option("--json", help="End with one line of JSON on stdout.")
    ] = False,
) -> None:
    """Translate a text with trained models, for a student to be trained on."""
    if (reference is None) != (nearest_output is None):
        raise ConfigError("--reference and --nearest go together")
    references: list[str] = []
    if reference:
        texts, references = read_parallel(source, reference)
    else:
        texts = read_text(source)
    members = [load_model(run) for run in runs]
    teachers = Teachers(members, find_device(device.value))
    translations = _with_bar(teachers, texts, beam_size)
    _write(output, [each[0] for each in translations])
    if nearest_output:
        pairs = zip(translations, references, strict=True)
        _write(nearest_output, [nearest(each, right) for each, right in pairs])
    if as_json:
        print(json.dumps({"lines": len(texts), "teachers": len(runs)}))


def _with_bar(
    teachers: Teachers, texts: Sequence[str], beam_size: int
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
        return teachers.translate(texts, beam_size, lambda n: bar.advance(task, n))


def _write(path: Path, lines: Sequence[str]) -> None:
    with output_file(path) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())


def _require_same_vocabulary(one: LoadedModel, other: LoadedModel) -> None:
    for mine, theirs in (
        (one.source_tokenizer, other.source_tokenizer),
        (one.target_tokenizer, other.target_tokenizer),
    ):
        if mine.read_bytes() != theirs.read_bytes():
            raise ConfigError(
                f"{mine} and {theirs} differ; teachers that choose tokens together "
                "need one vocabulary: the same text and [tokenizer]"
            )
