"""`onnxlate export` and `onnxlate inspect`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from onnxlate.bundle import MANIFEST_NAME, Bundle
from onnxlate.errors import ConfigError

from . import options as own
from .options import Destination, PrecisionName

if TYPE_CHECKING:
    from .origins import Origin


def export(
    output: own.Output,
    run: own.Run = None,
    precision: own.Precision = PrecisionName.fp32,
    version: own.Version = None,
    data: own.Data = None,
    card: own.Card = None,
    as_json: own.AsJson = False,
    to: own.To = Destination.bundle,
    from_hf: own.FromHf = None,
    text: own.Text = None,
    references: own.References = None,
    sentences: own.Sentences = None,
    source_language: own.SourceLanguage = None,
    target_language: own.TargetLanguage = None,
    source_token: own.SourceToken = None,
    target_token: own.TargetToken = None,
    name: own.Name = None,
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
            "1" if version is None else version,
            progress.tell,
            max_sentences=most,
            card=card,
            outside=origin.outside,
            standard=to is Destination.onnx,
        )
    original = "PyTorch" if from_hf is None else "transformers' generate"
    _say(bundle, original, console, as_json)


def _say(bundle: Bundle, original: str, console: Console, as_json: bool) -> None:
    """What was written, and how like `original` it decodes."""
    manifest, gate = bundle.manifest, bundle.manifest.gate
    size = sum(info.bytes for info in manifest.files.values())
    console.print(
        f"{bundle.path}: {manifest.precision}, {size / 1e6:.1f} MB, digest "
        f"{manifest.digest()}; as {original}: {gate.greedy_equal} of "
        f"{gate.sentences} sentences greedy, {gate.beam_equal} with beam "
        f"{gate.beam_size}, logits within {gate.max_logit_difference:.1g}",
        markup=False,
    )
    if as_json:
        record = {
            "bundle": str(bundle.path),
            "digest": manifest.digest(),
            "bytes": size,
            "gate": gate.model_dump(mode="json"),
        }
        print(json.dumps(record))


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
