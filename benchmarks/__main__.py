"""`python -m benchmarks NAME`: how fast this machine is at what we do."""

import sys
from collections.abc import Callable

import typer

from onnxlate.cli import MISTAKE, complain
from onnxlate.errors import OnnxlateError

from .alignment import alignment
from .capacity.command import capacity
from .commands import add_side_by_side
from .corpus import corpus
from .endurance.commands import chaos, fuzz, overload, soak, storm
from .glossary import glossary
from .growth import growth
from .hosts.command import hosts
from .image.command import image
from .importing import importing
from .layout.command import layout
from .protection.command import protection
from .ray_command import ray
from .report import report
from .rolling.command import rolling
from .server import server
from .training_command import training

app = typer.Typer(
    name="benchmarks",
    help=__doc__,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
add_side_by_side(app)
app.command("import")(importing)
COMMANDS: tuple[Callable[..., None], ...] = (
    *(server, training, report, protection, alignment, glossary, layout),
    *(capacity, corpus, hosts, image, ray, rolling),
    *(fuzz, storm, overload, chaos, soak, growth),
)
for command in COMMANDS:
    app.command()(command)


@app.callback()
def benchmarks() -> None:
    """Each benchmark prints a table and, if asked, writes its figures as JSON."""


if __name__ == "__main__":
    try:
        app(prog_name="python -m benchmarks")
    except OnnxlateError as error:
        complain(error)
        sys.exit(MISTAKE)
