"""`python -m benchmarks NAME`: how fast this machine is at what we do."""

import sys

import typer

from onnxlate.cli import MISTAKE, complain
from onnxlate.errors import OnnxlateError

from .alignment import alignment
from .commands import add_side_by_side
from .endurance.commands import chaos, fuzz, overload, soak, storm
from .glossary import glossary
from .hosts.command import hosts
from .protection.command import protection
from .report import report
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
app.command()(server)
app.command()(training)
app.command()(report)
app.command()(protection)
app.command()(alignment)
app.command()(glossary)
app.command()(hosts)
for command in (fuzz, storm, overload, chaos, soak):
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
