"""`onnxlate export` and `onnxlate inspect`."""

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from onnxlate.bundle import MANIFEST_NAME, Bundle
from onnxlate.errors import ConfigError

if TYPE_CHECKING:
    from .origins import Origin


class PrecisionName(StrEnum):
    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"


class Destination(StrEnum):
    bundle = "bundle"
    onnx = "onnx"
    ctranslate2 = "ctranslate2"


IMPORT = "Import"


def export(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The bundle, a new directory.")
    ],
    run: Annotated[Path | None, typer.Argument(help="A training run's folder.")] = None,
    precision: Annotated[
        PrecisionName,
        typer.Option(help="fp32 is exact; int8 is small; fp16 is for GPUs."),
    ] = PrecisionName.fp32,
    version: Annotated[
        str | None,
        typer.Option(help="Of the model, for whoever serves it.", show_default="1"),
    ] = None,
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
    to: Annotated[
        Destination,
        typer.Option(
            help="bundle is for our server; onnx is one of standard operators only; "
            "ctranslate2 is a directory for CTranslate2."
        ),
    ] = Destination.bundle,
    from_hf: Annotated[
        str | None,
        typer.Option(
            "--from-hf",
            help="A Hugging Face model in a run's place: its folder, or OWNER/NAME.",
            rich_help_panel=IMPORT,
        ),
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(
            help="Sentences of the source language, for the gate; without, it makes "
            "some up.",
            rich_help_panel=IMPORT,
        ),
    ] = None,
    references: Annotated[
        Path | None,
        typer.Option(
            help="Translations of --text; int8 and fp16 are judged by them.",
            rich_help_panel=IMPORT,
        ),
    ] = None,
    sentences: Annotated[
        int | None,
        typer.Option(
            help="At most so many for the gate; by default 256 of a run's, 64 of an "
            "import's.",
            min=1,
        ),
    ] = None,
    source_language: Annotated[
        str | None, typer.Option(help="BCP 47, as en.", rich_help_panel=IMPORT)
    ] = None,
    target_language: Annotated[
        str | None, typer.Option(help="BCP 47, as zh.", rich_help_panel=IMPORT)
    ] = None,
    source_token: Annotated[
        str | None,
        typer.Option(
            help="What a model of many languages calls the source's, as eng_Latn.",
            rich_help_panel=IMPORT,
        ),
    ] = None,
    target_token: Annotated[
        str | None,
        typer.Option(
            help="What a model of several targets calls it, as cmn_Hans.",
            rich_help_panel=IMPORT,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the model.", rich_help_panel=IMPORT)
    ] = None,
) -> None:
    """Turn a trained run, or somebody else's model, into a bundle, if onnxruntime
    decodes it alike."""
    # torch takes its time; --help and a mistyped option need not wait for it.
    from .export import export_bundle, require_free
    from .gate import MAX_SENTENCES
    from .huggingface.importing import Wishes
    from .origins import opened
    from .outside_gate import MAX_OUTSIDE

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if to is Destination.ctranslate2:
        _require_plain(precision, version, card)
    else:
        require_free(output)
    most = sentences or (MAX_SENTENCES if from_hf is None else MAX_OUTSIDE)
    wishes = Wishes(
        source_language,
        target_language,
        source_token,
        target_token,
        name,
        text,
        references,
    )
    with opened(run, data, from_hf, wishes) as origin, _Reported(console) as progress:
        if to is Destination.ctranslate2:
            _to_ctranslate2(origin, output, most, progress, console, as_json)
            return
        bundle = export_bundle(
            origin.loaded,
            output,
            precision.value,
            version or "1",
            progress.tell,
            max_sentences=most,
            card=card,
            outside=origin.outside,
            standard=to is Destination.onnx,
        )
    gate = bundle.manifest.gate
    original = "PyTorch" if from_hf is None else "transformers' generate"
    size = sum(info.bytes for info in bundle.manifest.files.values())
    console.print(
        f"{output}: {precision.value}, {size / 1e6:.1f} MB, digest "
        f"{bundle.manifest.digest()}; as {original}: {gate.greedy_equal} of "
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


def _require_plain(
    precision: PrecisionName, version: str | None, card: Path | None
) -> None:
    if precision is not PrecisionName.fp32:
        raise ConfigError(
            f"--to ctranslate2 writes fp32, not {precision}; CTranslate2 rounds while "
            "it loads: Translator(…, compute_type='int8')"
        )
    if version is not None or card is not None:
        raise ConfigError(
            "--version and --card are of a bundle, not of --to ctranslate2"
        )


def _to_ctranslate2(
    origin: "Origin",
    output: Path,
    sentences: int,
    progress: "_Reported",
    console: Console,
    as_json: bool,
) -> None:
    try:
        from .elsewhere.ctranslate2_export import export_ctranslate2
    except ModuleNotFoundError as cause:
        if cause.name != "ctranslate2":
            raise
        raise ConfigError(
            "--to ctranslate2 needs ctranslate2, which is not installed; "
            "pip install ctranslate2"
        ) from cause
    found = export_ctranslate2(origin.loaded, output, progress.tell, sentences)
    console.print(
        f"{output}: for CTranslate2; as PyTorch: {found.equal} of {found.sentences} "
        "sentences greedy, the others near ties",
        markup=False,
    )
    if as_json:
        print(json.dumps({"directory": str(output), **asdict(found)}))


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
