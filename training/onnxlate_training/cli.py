"""`onnxlate train`: a recipe in, a run out."""

import json
import signal
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated

import torch
import typer

from onnxlate.errors import ConfigError

from .checkpoint import Progress, RunFolder
from .meeting import keeps_out_latecomers
from .memory import enough_memory
from .model import HEAD_STEP
from .precision import training_precision
from .recipe import Recipe, changed_keys, load_recipe
from .reporting import Reporter, reporting
from .texts import prepare
from .trainer import Trainer
from .weights import build_model, load_weights
from .workers import Worker, agreed, joined, one_voice, together

LATECOMERS = (
    "warning: a machine that is lost and comes back may stop this run; start torchrun "
    "with TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 on every machine"
)

# What may differ between a run and its continuation without making it another run.
FREE_KEYS = (
    "data.folder",
    "tokenizer.max_lines",
    "train.max_updates",
    "train.validate_every",
    "train.save_every",
    "train.log_every",
    "train.keep_last",
    "train.keep_best",
    "train.average",
    "train.metric",
    "train.patience",
    "train.threads",
    "train.lost_after",
    "decode.",
)

# What may differ between processes that train together.
OWN_KEYS = ("data.folder", "train.threads", "train.log_every", "train.lost_after")

STOPPING = (signal.SIGTERM, signal.SIGINT)


def train(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a TOML file.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a key: section.key=value. Repeatable."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The run's folder. Default: runs/NAME."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on from the newest checkpoint, if any."),
    ] = False,
    prepare_only: Annotated[
        bool,
        typer.Option(
            "--prepare",
            help="Read, clean and cut the text, and stop: training itself then starts "
            "at once, also where the training text is not to be seen.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="End with one line of JSON on stdout.")
    ] = False,
) -> None:
    """Train a model on parallel text, as a recipe says."""
    with one_voice():
        settings = load_recipe(recipe, changes or [])
        path = output or Path("runs") / settings.name
        result = train_run(settings, path, resume, prepare_only)
    if as_json and result is not None:
        print(json.dumps(result))


def train_run(
    recipe: Recipe, path: Path, resume: bool, prepare_only: bool = False
) -> dict[str, object] | None:
    """Trains into the folder `path`; what came of it, in the leading process.

    Exits with 128 + the signal's number after SIGTERM and SIGINT, once it is saved.
    """
    run = RunFolder(path)
    with joined(recipe) as worker, ExitStack() as held:
        with together(worker):
            if worker.leads:
                held.enter_context(run.held())
        _open_folder(run, recipe, resume, worker)
        if prepare_only:
            _, report = prepare(recipe, run, worker)
            if not worker.leads:
                return None
            typer.echo(f"{path}: {report}", err=True)
            return {"run": str(path), "corpus": asdict(report)}
        with enough_memory():
            progress = _train(run, recipe, worker)
        if not worker.leads:
            return None
        note = run.write_final(recipe)
        updates = ", ".join(map(str, note.updates))
        typer.echo(f"{path}: the final weights, of updates {updates}", err=True)
        return {
            "run": str(path),
            "updates": progress.update,
            "averaged": note.updates,
            "best_update": next(iter(progress.ranking), None),
            "scores": progress.scores,
            "seconds": round(progress.seconds, 1),
        }


def _train(run: RunFolder, recipe: Recipe, worker: Worker) -> Progress:
    with together(worker):
        # Refused before the text is read, which may take hours.
        training_precision(recipe, worker.device)
    texts, report = prepare(recipe, run, worker)
    # The same weights in every process, whatever was drawn before.
    torch.manual_seed(recipe.seed)
    model = build_model(recipe, texts.source_tokenizer, texts.target_tokenizer)
    # A run that goes on has weights of its own.
    with together(worker):
        if recipe.train.start_from and not run.checkpoints():
            load_weights(model, RunFolder(recipe.train.start_from).result()[0])
    with reporting(run, recipe, worker) as reporter:
        reporter.say(str(report))
        reporter.say(
            f"{model.num_parameters():,} parameters, {worker.world} process(es), "
            f"{torch.get_num_threads()} thread(s), {worker.device}"
        )
        # Some machine's torchrun may be set otherwise than the leader's.
        if agreed(worker, keeps_out_latecomers()):
            reporter.say(LATECOMERS)
        trainer = Trainer(recipe, texts, model, run, worker, reporter)
        _follow(trainer, reporter)
        return trainer.progress


def _follow(trainer: Trainer, reporter: Reporter) -> None:
    """Trains to the end, or until a signal; then exits, once the run is saved."""
    if trainer.resume():
        reporter.say(f"going on from update {trainer.progress.update}")

    def stop(number: int, frame: FrameType | None) -> None:
        trainer.stop_signal = number

    previous = {number: signal.signal(number, stop) for number in STOPPING}
    try:
        finished = trainer.run()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if not finished:
        reporter.say(
            f"stopped and saved at update {trainer.progress.update}; "
            "--resume goes on from there"
        )
        raise typer.Exit(128 + trainer.stop_signal)


def _require_heads(recipe: Recipe) -> None:
    """Raises ConfigError for a model that `onnxlate export` would refuse."""
    model = recipe.model
    if model.width // model.heads % HEAD_STEP:
        raise ConfigError(
            f"model.width {model.width} over model.heads {model.heads} makes heads of "
            f"{model.width // model.heads}; onnxruntime's attention on a CPU takes "
            f"multiples of {HEAD_STEP}"
        )


def _open_folder(run: RunFolder, recipe: Recipe, resume: bool, worker: Worker) -> None:
    """Raises ConfigError if the folder holds another run, or one not to go on."""
    with together(worker):
        if worker.leads:
            _check_folder(run, recipe, resume)
            run.open_for(recipe)
    with together(worker):
        if changed := _changed(run, recipe, OWN_KEYS):
            raise ConfigError(
                f"the process that leads has another {changed[0]} than process "
                f"{worker.rank}; all must share one folder ({run.path}) and one recipe"
            )


def _check_folder(run: RunFolder, recipe: Recipe, resume: bool) -> None:
    if stranger := run.stranger():
        raise ConfigError(
            f"{stranger} is there, and not of a training run, which would replace it; "
            "choose another folder with --output"
        )
    if not run.checkpoints():
        if run.final_model.is_file():
            raise ConfigError(
                f"{run.path} holds a model and no checkpoint to go on from; choose "
                "another folder with --output (train.start_from goes on from a model)"
            )
        _require_heads(recipe)
        return
    if not resume:
        raise ConfigError(
            f"{run.path} already holds a run; go on with --resume, "
            "or choose another folder with --output"
        )
    if changed := _changed(run, recipe, FREE_KEYS):
        raise ConfigError(
            f"{run.path} was begun with another {changed[0]}; "
            "a run goes on only as it began"
        )


def _changed(run: RunFolder, recipe: Recipe, free: tuple[str, ...]) -> list[str]:
    """Keys that the run's recipe has otherwise, and that are not free to differ."""
    keys = changed_keys(run.read_recipe(), recipe)
    return [key for key in keys if not key.startswith(free)]
