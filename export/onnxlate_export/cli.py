"""`onnxlate export` and `onnxlate inspect`."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from onnxlate.bundle import MANIFEST_NAME, Bundle
from onnxlate.errors import ConfigError


class PrecisionName(StrEnum):
    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"


def export(
    run: Annotated[Path, typer.Argument(help="A training run's folder.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The bundle, a new directory.")
    ],
    precision: Annotated[
        PrecisionName,
        typer.Option(help="fp32 is exact; int8 is small; fp16 is for GPUs."),
    ] = PrecisionName.fp32,
    version: Annotated[
        str, typer.Option(help="Of the model, for whoever serves it.")
    ] = "1",
    data: Annotated[
        Path | None,
        typer.Option(help="Where the run's corpus is now, if it has moved."),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(help="A text about the model: README.md in the bundle."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The gate's figures as one line of JSON.")
    ] = False,
) -> None:
    """Turn a trained run into a bundle, if onnxruntime decodes it alike."""
    # torch takes its time; --help and a mistyped option need not wait for it.
    from onnxlate_training.checkpoint import load_model

    from .export import export_bundle, require_free

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    require_free(output)
    loaded = load_model(run, data)
    with _Reported(console) as progress:
        bundle = export_bundle(
            loaded, output, precision.value, version, progress.tell, card=card
        )
    gate = bundle.manifest.gate
    size = sum(info.bytes for info in bundle.manifest.files.values())
    console.print(
        f"{output}: {precision.value}, {size / 1e6:.1f} MB, digest "
        f"{bundle.manifest.digest()}; as PyTorch: {gate.greedy_equal} of "
        f"{gate.sentences} sentences greedy, {gate.beam_equal} with beam "
        f"{gate.beam_size}, logits within {gate.max_logit_difference:.1g}",
        markup=False,
    )
    if as_json:
        print(
            json.dumps(
                {
                    "bundle": str(output),
                    "digest": bundle.manifest.digest(),
                    "bytes": size,
                    "gate": gate.model_dump(mode="json"),
                }
            )
        )


def inspect(
    path: Annotated[Path, typer.Argument(help="A bundle, or a training run.")],
    pictures: Annotated[
        Path | None, typer.Option(help="Folder for pictures of a run's model.")
    ] = None,
    source: Annotated[
        str, typer.Option(help="Sentence whose attention is drawn.")
    ] = "A dog runs on the beach.",
    target: Annotated[
        str | None,
        typer.Option(help="Its translation; without one, the model's own."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show what is in a bundle, or draw what a run's model does."""
    if (path / MANIFEST_NAME).exists() or pictures is None:
        if pictures is not None:
            raise ConfigError(
                f"{path} is a bundle; pictures are drawn from a training run"
            )
        _describe(Bundle.open(path), as_json)
        return
    from .gallery import draw_all

    drawn = draw_all(path, pictures, source, target)
    if as_json:
        print(json.dumps([str(each) for each in drawn]))
        return
    for each in drawn:
        print(each)


def _describe(bundle: Bundle, as_json: bool) -> None:
    from .description import describe, tables

    if as_json:
        print(json.dumps(describe(bundle)))
    else:
        Console(highlight=False).print(tables(bundle))


class _Reported:
    """A bar for each decoding of the gate, on a terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "_Reported":
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def tell(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done)
