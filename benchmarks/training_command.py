"""`python -m benchmarks training`."""

import subprocess
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from onnxlate.errors import ConfigError
from onnxlate_serving.cpus import available_cpus

from . import options as shared
from .commands import figures_of, known, require, show, versions, wide_console
from .machine import machine
from .remembered import SweepWhen
from .trainer_settings import TrainingPrecision

ASKED = "from importlib.metadata import version; print(version('joeynmt'))"

SOFTWARE = ("torch", "transformers", "accelerate", "numpy")

Text = Annotated[
    Path | None,
    typer.Option(help="Source sentences, a line each.", show_default="number words"),
]
Reference = Annotated[
    Path | None, typer.Option(help="Their translations, line by line.")
]
Models = Annotated[
    str,
    typer.Option(help="tiny, tiny-5k, small or minimal, with commas between."),
]
Precisions = Annotated[
    str,
    typer.Option(
        help="fp32, bf16 or both, with commas between; in a row of bf16 the others "
        "take fp32 where they are quicker with it."
    ),
]
Dropouts = Annotated[
    str,
    typer.Option(help="With commas between; with 0 the losses of both sides agree."),
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Of each trainer.", show_default="a thread for each CPU"),
]
BatchTokens = Annotated[
    int, typer.Option(min=200, help="Padded tokens of a batch's longer side.")
]
JoeyNMT = Annotated[
    Path | None,
    typer.Option(
        "--joeynmt",
        help="The Python of an environment that has JoeyNMT, to compare with it too.",
    ),
]


def training(
    text: Text = None,
    reference: Reference = None,
    models: Models = "tiny",
    precisions: Precisions = "fp32",
    dropouts: Dropouts = "0,0.1",
    threads: Threads = None,
    batch_tokens: BatchTokens = 2048,
    joeynmt: JoeyNMT = None,
    rounds: shared.Rounds = 5,
    round_seconds: shared.RoundSeconds = 5.0,
    sweep_seconds: shared.SweepSeconds = 2.0,
    sweep: shared.Sweep = SweepWhen.missing,
    cache: shared.Cache = shared.CACHE,
    json: shared.Json = None,
) -> None:
    """Our trainer beside Transformers' Seq2SeqTrainer: target tokens a second."""
    for package in ("transformers", "accelerate"):
        require(package, "this benchmark")
    from .training import TrainingSuite  # torch, which takes a while
    from .training import training as measured
    from .training_task import MODELS, pairs_of

    software = versions(SOFTWARE)
    if python := _python(joeynmt):
        software += f", joeynmt {_joeynmt_version(python)}"
    console = wide_console()
    suite = TrainingSuite(
        pairs=pairs_of(text, reference),
        cache=cache,
        models=known(models, tuple(MODELS), "--models"),
        precisions=cast(
            "tuple[TrainingPrecision, ...]",
            known(precisions, get_args(TrainingPrecision), "--precisions"),
        ),
        dropouts=_shares(dropouts),
        threads=threads or available_cpus(),
        max_tokens=batch_tokens,
        rounds=rounds,
        round_seconds=round_seconds,
        sweep=sweep,
        sweep_seconds=sweep_seconds,
        joeynmt=python,
        notice=lambda what: console.print(what, style="dim", markup=False),
    )
    cells = list(measured(suite))
    show(cells, console)
    console.print(machine(), markup=False)
    if json:
        name = text.name if text else "generated number words"
        figures_of(cells, name, software).write(json)


def _shares(given: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(share) for share in given.split(","))
    except ValueError as cause:
        raise ConfigError(f"--dropouts {given!r} are no numbers") from cause
    if not all(0 <= share < 1 for share in shares):
        raise ConfigError("--dropouts are 0 or more, and less than 1")
    return shares


def _python(path: Path | None) -> str | None:
    # Not resolved: an environment's Python is a link, and is known by where that lies.
    return str(path.absolute()) if path else None


def _joeynmt_version(python: str) -> str:
    """Raises ConfigError if that Python does not have it."""
    try:
        done = subprocess.run(
            [python, "-c", ASKED], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as cause:
        raise ConfigError(f"--joeynmt {python} is no Python with JoeyNMT") from cause
    return done.stdout.strip()
