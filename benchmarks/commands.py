"""The commands that compare; all have the same options."""

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from importlib.metadata import version
from importlib.util import find_spec
from typing import cast, get_args

import typer
from rich.console import Console

from onnxlate.errors import ConfigError

from . import options as shared
from .cores import SHARED, Split
from .figures import AnyCell, Figures
from .floor import floor
from .latency import latency
from .machine import graphics_card, machine
from .offline import offline
from .overhead import overhead
from .scaling import scaling
from .serving import serving
from .settings import OursSettings
from .suite import PEERS, Suite, SweepWhen
from .tables import rich_table, tables
from .timing_models import RANDOM_MODELS, Precision
from .workload import texts_of

Benchmark = Callable[[Suite], Iterable[AnyCell]]

BENCHMARKS: dict[str, Benchmark] = {
    "offline": offline,
    "latency": latency,
    "serving": serving,
    "overhead": overhead,
}

ANALYSES: dict[str, Benchmark] = {"floor": floor, "scaling": scaling}
"""Not among `all`: they say why it is as fast as it is, and make more models."""

SOFTWARE = ("onnxruntime", "ctranslate2", "torch", "numpy")
"""What the figures depend on."""


def add_side_by_side(app: typer.Typer) -> None:
    """One command for each, and one for all that measure whole translations."""
    for name, benchmark in {**BENCHMARKS, **ANALYSES}.items():
        documentation = sys.modules[benchmark.__module__].__doc__
        app.command(name, help=documentation)(_command([benchmark]))
    everything = _command(list(BENCHMARKS.values()))
    names = ", ".join(BENCHMARKS)
    app.command("all", help=f"One after the other: {names}.")(everything)


def _command(benchmarks: Sequence[Benchmark]) -> Callable[..., None]:
    def command(
        text: shared.Text = None,
        models: shared.Models = "tiny,base",
        run: shared.Run = None,
        data: shared.Data = None,
        precisions: shared.Precisions = "fp32,int8",
        beams: shared.BeamSizes = "1,5",
        peers: shared.Peers = "ctranslate2",
        rounds: shared.Rounds = 5,
        round_seconds: shared.RoundSeconds = 5.0,
        sweep_seconds: shared.SweepSeconds = 1.0,
        sweep: shared.Sweep = SweepWhen.missing,
        limit_ms: shared.LimitMs = None,
        device: shared.OnDevice = shared.DeviceName.cpu,
        our_workers: shared.Workers = None,
        our_threads: shared.Threads = None,
        our_rows: shared.MaxRows = None,
        cores: shared.Cores = None,
        cache: shared.Cache = shared.CACHE,
        json: shared.Json = None,
    ) -> None:
        console = wide_console()
        suite = Suite(
            texts=texts_of(text),
            text_name=text.name if text else "generated number words",
            cache=cache,
            model_names=known(models, tuple(RANDOM_MODELS), "--models"),
            run=run,
            data=data,
            precisions=cast(
                "tuple[Precision, ...]",
                known(precisions, get_args(Precision), "--precisions"),
            ),
            beam_sizes=numbers(beams),
            rounds=rounds,
            round_seconds=round_seconds,
            ours=OursSettings(
                model=cache,
                device=device.value,
                workers=our_workers,
                threads=our_threads,
                max_rows=our_rows,
            ),
            sweep=sweep,
            sweep_seconds=sweep_seconds,
            limit_ms=limit_ms,
            console=console,
            cores=Split.parse(cores),
            peers=_peers(peers),
        )
        check_device(suite, benchmarks)
        figures = _measured(suite, benchmarks)
        console.print(figures.machine, markup=False)
        if json:
            figures.write(json)

    return command


def check_device(suite: Suite, benchmarks: Sequence[Benchmark]) -> None:
    """Raises ConfigError where one side would compute elsewhere than the other."""
    on_gpu = suite.ours.device == "cuda"
    for precision in suite.precisions:
        if on_gpu != (precision == "fp16"):
            raise ConfigError(
                f"--device {suite.ours.device} is not for {precision}: cuda takes "
                "--precisions fp16, and cpu the others"
            )
    if on_gpu and (
        suite.peers != ("ctranslate2",) or not {offline, latency}.issuperset(benchmarks)
    ):
        raise ConfigError(
            "--device cuda is for offline and latency, beside ctranslate2 alone"
        )


def _measured(suite: Suite, benchmarks: Sequence[Benchmark]) -> Figures:
    """Runs them, and shows each table as soon as it is complete."""
    cells: list[AnyCell] = []
    for benchmark in benchmarks:
        measured = list(benchmark(suite))
        show(measured, suite.console)
        cells += measured
    on_gpu = suite.ours.device == "cuda"
    software = _software(suite.peers, on_gpu)
    figures = figures_of(cells, suite.text_name, software, suite.cores)
    if on_gpu:
        where = f"{graphics_card()}, {figures.machine}"
        figures = figures.model_copy(update={"machine": where})
    return figures


def show(cells: Sequence[AnyCell], console: Console) -> None:
    for each in tables(cells):
        console.print(rich_table(each))


def figures_of(
    cells: Sequence[AnyCell], text: str, software: str, cores: Split = SHARED
) -> Figures:
    """With where and when they were made, which is here and now."""
    return Figures(
        machine=machine() + cores.words,
        text=text,
        day=date.today(),
        software=software,
        cells=list(cells),
    )


def known(given: str, choices: Sequence[str], option: str) -> tuple[str, ...]:
    """Names with commas between; raises ConfigError for one that is no choice."""
    names = tuple(name.strip() for name in given.split(",") if name.strip())
    for name in names:
        if name not in choices:
            raise ConfigError(f"{option} {name!r} is none of {', '.join(choices)}")
    return names


def _peers(given: str) -> tuple[str, ...]:
    peers = known(given, PEERS, "--peers")
    if "marian" in peers:
        require("transformers", "--peers marian")
    return peers


def require(package: str, what: str, extra: str = "bench") -> None:
    """Raises ConfigError if the package that something needs is not installed."""
    if not find_spec(package):
        raise ConfigError(
            f"{what} needs {package}, which is not installed; "
            f"pip install -c constraints.txt -e '.[{extra}]'"
        )


def _software(peers: Sequence[str], on_gpu: bool) -> str:
    names = [*SOFTWARE, "transformers"] if "marian" in peers else [*SOFTWARE]
    if on_gpu:  # its package has another name, and the other may be there as well
        names[names.index("onnxruntime")] = "onnxruntime-gpu"
    return versions(names)


def versions(packages: Iterable[str]) -> str:
    """What the figures depend on."""
    return ", ".join(f"{name} {version(name)}" for name in packages)


def numbers(given: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(number) for number in given.split(","))
    except ValueError as cause:
        raise ConfigError(f"--beams {given!r} are no numbers") from cause
    if min(numbers) < 1:
        raise ConfigError("--beams are 1 or more")
    return numbers


def wide_console() -> Console:
    """As wide as a table needs where nobody has set a width, as in a file."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=200)
