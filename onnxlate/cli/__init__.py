"""The command line: `onnxlate COMMAND`, and what it says when something is wrong.

Nothing is imported before it is needed: `onnxlate --help` and `onnxlate translate`
start in a fraction of the second that torch alone would take.
"""

import errno
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from onnxlate import __version__
from onnxlate.errors import ConfigError, OnnxlateError

from .commands import COMMANDS, CommandGroup

MISTAKE = 2
"""Exit status of everything the user can do something about."""

REFUSALS = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP, errno.EROFS)
"""What a system says of the path that it was given."""

app = typer.Typer(
    cls=CommandGroup,
    name="onnxlate",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"onnxlate {__version__}")
        raise typer.Exit


@app.callback()
def onnxlate(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=say_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Train a translation model, export it to ONNX, serve it over gRPC, call it."""


for command in COMMANDS:
    command.announce(app)


def main(*command: str) -> None:
    """Runs the command line; exits with 2 and one line for an OnnxlateError.

    `command` goes before the arguments: main("serve") is what `onnxlate serve` runs.
    Ctrl-C (130) and a pipe that nobody reads any more (1, silently) are typer's.
    """
    # gRPC would tell of each handshake that failed, where our error tells once.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    _told(lambda: app([*command, *sys.argv[1:]], prog_name="onnxlate"))


def run(command: Callable[..., None]) -> None:
    """The same for a function that `python -m` runs, and is no command of ours."""
    own = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    own.command()(command)
    _told(own)


def _told(call: Callable[[], object]) -> None:
    try:
        call()
    except OnnxlateError as error:
        complain(error)
        sys.exit(MISTAKE)
    except OSError as error:
        # Whoever looks whether a file is there is refused, too, where nobody may look.
        if error.errno not in REFUSALS or not error.filename:
            raise
        complain(ConfigError(f"{error.filename}: {error.strerror}"))
        sys.exit(MISTAKE)


def complain(error: OnnxlateError) -> None:
    """One line on stderr, whatever stands in the error."""
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
