"""What our own command line makes of a container's arguments."""

from collections.abc import Sequence
from typing import Any

import typer

from onnxlate_serving.cli import serve


def parsed(arguments: Sequence[str]) -> dict[str, Any]:
    """By the names of `serve`'s parameters; fails as the command would."""
    app = typer.Typer(add_completion=False)
    app.command()(serve)
    command = typer.main.get_command(app)
    with command.make_context("serve", list(arguments)) as context:
        return dict(context.params)
