"""`python -m benchmarks ray`: Ray Serve beside our own server, and without a node."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from onnxlate.errors import ConfigError

from . import options
from .commands import require
from .endurance.target import Unfit, show

APART = (
    *("unshare", "--map-root-user", "--net", "--pid", "--mount-proc"),
    *("--fork", "--kill-child"),
    *("sh", "-c", 'ip link set lo up && exec "$@"', "-"),
)
"""Before a command, for a network and processes of its own: Ray's proxies listen on all
addresses, and whatever Ray leaves behind ends with the command."""


def ray(
    bundle: options.Bundle = None,
    rounds: Annotated[
        int, typer.Option(min=0, help="Of calls to Ray and to our server, by turns.")
    ] = 5,
    answers: Annotated[int, typer.Option(min=1, help="Under the kills.")] = 1000,
    kills: Annotated[int, typer.Option(min=0, help="Of a node, at least.")] = 3,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Without our part of Ray's proxies."),
    ] = False,
    json_file: options.Json = None,
) -> None:
    """Ray Serve: a call's cost beside our server's, and a node that is killed.

    In a network namespace of its own, which needs Linux and the right to make one.
    """
    require("ray", "this benchmark", extra="ray")
    if not (which("unshare") and which("ip")):
        raise ConfigError("this needs unshare (util-linux) and ip (iproute2)")
    # By way of an exception, which ends what is started here.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with TemporaryDirectory() as folder:
        figures_file = Path(folder) / "figures.json"
        settings = {
            "bundle": str(bundle.resolve()) if bundle else None,
            "rounds": rounds,
            "answers": answers,
            "kills": kills,
            "plain": plain,
        }
        inside = (sys.executable, "-m", "benchmarks.ray_cluster", str(figures_file))
        done = subprocess.run([*APART, *inside, json.dumps(settings)], check=False)
        if not figures_file.exists():
            raise Unfit(f"it ended with {done.returncode}; what it said stands above")
        figures = json.loads(figures_file.read_bytes())
    show("ray", figures, json_file)
    if figures.get("lost_or_wrong"):
        raise Unfit(f"{figures['lost_or_wrong']} answers were lost")
