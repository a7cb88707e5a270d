"""Which commands there are, where each lives, and what it needs to be installed."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from onnxlate.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Command:
    """A command that is imported when it is called."""

    name: str
    summary: str
    module: str
    """Where a typer-compatible function stands that is named like the command."""
    extra: str | None = None
    """What `pip install 'onnxlate[…]'` must have brought."""
    instead: str | None = None
    """The module that serves where the extra is missing."""
    environment: str | None = None
    """Prefix of environment variables that stand for options; None has none."""

    def announce(self, app: typer.Typer) -> None:
        """Puts the name and the summary, and nothing to import, into the help."""
        app.command(self.name, help=self.summary)(_nothing)

    def load(self) -> Any:
        """The command itself, with its options and its help."""
        own = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        settings = {"auto_envvar_prefix": self.environment}
        own.command(self.name, context_settings=settings)(
            self._guarded(self._function())
        )
        command = typer.main.get_command(own)
        if self.environment:
            for parameter in command.params:
                # The command's help says how they are named; 25 times is too often.
                setattr(parameter, "show_envvar", False)  # noqa: B010
        return command

    def _function(self) -> Callable[..., None]:
        try:
            module = import_module(self.module)
        except ModuleNotFoundError as cause:
            if self.instead is None:
                self._name_the_extra(cause)
                raise
            module = import_module(self.instead)
        function: Callable[..., None] = getattr(module, self.name)
        return function

    def _guarded(self, function: Callable[..., None]) -> Callable[..., None]:
        """The function, which may itself import what it needs when it needs it."""

        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> None:
            try:
                function(*args, **options)
            except ModuleNotFoundError as cause:
                self._name_the_extra(cause)
                raise

        return call

    def _name_the_extra(self, cause: ModuleNotFoundError) -> None:
        """Raises ConfigError if what is missing is something pip can bring."""
        name = cause.name or ""
        if self.extra is None or name.startswith("onnxlate"):
            return
        raise ConfigError(
            f"`onnxlate {self.name}` needs {name}, which is not installed; "
            f"pip install 'onnxlate[{self.extra}]'"
        ) from cause


COMMANDS = (
    Command(
        "train",
        "Train a model on parallel text, as a recipe says.",
        "onnxlate_training.cli",
        extra="train",
    ),
    Command(
        "distill",
        "Translate a text with trained models, for a student to be trained on.",
        "onnxlate_training.distill",
        extra="train",
    ),
    Command(
        "average",
        "Make one model of several runs that descend from the same weights.",
        "onnxlate_training.averaging",
        extra="train",
    ),
    Command(
        "curves",
        "Draw losses, scores and learning rates of training runs.",
        "onnxlate_training.curves",
        extra="train",
    ),
    Command(
        "export",
        "Turn a trained run into a bundle, if onnxruntime decodes it alike.",
        "onnxlate_export.cli",
        extra="export",
    ),
    Command(
        "serve",
        "Serve bundles over gRPC.",
        "onnxlate_serving.cli",
        extra="serve",
        environment="ONNXLATE_SERVE",
    ),
    Command(
        "token",
        "Make a token that a server lets callers in with.",
        "onnxlate_serving.cli",
        extra="serve",
    ),
    Command(
        "translate",
        "Translate arguments, lines or a file through a server.",
        "onnxlate.cli.translate",
    ),
    Command(
        "corpus",
        "Translate files of any size line by line, in shards, and go on after a kill.",
        "onnxlate.cli.corpus",
    ),
    Command(
        "evaluate",
        "Translate test sets and score them, one system or several side by side.",
        "onnxlate.cli.evaluate",
        extra="evaluate",
    ),
    Command(
        "bench",
        "Measure how many sentences a server translates in a second.",
        "onnxlate.cli.bench",
    ),
    Command(
        "inspect",
        "Show what is in a bundle, or draw what a model does.",
        "onnxlate_export.cli",
        extra="export",
        instead="onnxlate.cli.inspect",
    ),
    Command(
        "models",
        "List the models a server has, load others, go back.",
        "onnxlate.cli.models",
    ),
    Command(
        "top",
        "Watch a running server.",
        "onnxlate.cli.top",
        extra="serve",
    ),
)

_BY_NAME = {command.name: command for command in COMMANDS}


class CommandGroup(TyperGroup):
    """Shows the commands as announced and runs them as loaded."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, announced, rest = super().resolve_command(ctx, args)
        if name in _BY_NAME:
            return name, _BY_NAME[name].load(), rest
        return name, announced, rest


def _nothing() -> None:
    """Stands in the help for a command that is not loaded."""
