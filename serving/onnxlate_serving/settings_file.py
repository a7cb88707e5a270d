"""Options of a command from a TOML file, under the names that its flags have."""

import difflib
import tomllib
from pathlib import Path
from typing import Any

import typer

from onnxlate.errors import ConfigError


def read_settings(context: typer.Context, path: Path | None) -> Path | None:
    """A callback: what the file says holds where neither flag nor environment does.

    Raises ConfigError if it cannot be read or has a key that no flag is named like.
    """
    if path is None:
        return None
    flags = {
        _flag(parameter): parameter
        for parameter in context.command.params
        if parameter.name not in ("config", "help")
    }
    # As the environment has it, too: web-origins for the repeatable --web-origin.
    names = {str(each.name).replace("_", "-"): each for each in flags.values()}
    settings: dict[str, Any] = {}
    for key, value in _content(path).items():
        parameter = flags.get(key) or names.get(key)
        if parameter is None:
            near = difflib.get_close_matches(key, flags, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigError(f"{path}: there is no setting {key!r}{hint}")
        given = _as_given(path, key, value)
        if isinstance(given, str) and (parameter.multiple or parameter.nargs == -1):
            given = [given]
        settings[str(parameter.name)] = given
    context.default_map = {**(context.default_map or {}), **settings}
    return path


def _flag(parameter: Any) -> str:
    """As it is typed, but for the dashes before it; an argument's own name."""
    longest = max(parameter.opts, key=len)
    return str(longest.lstrip("-")).replace("_", "-")


def _content(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as cause:
        raise ConfigError(f"cannot read {path}: {cause.strerror}") from cause
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise ConfigError(f"{path} is not TOML: {cause}") from cause


def _as_given(path: Path, key: str, value: Any) -> Any:
    """As somebody would type it, so that it is checked in the same way."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value
    raise ConfigError(f"{path}: {key} is neither text, a number nor a list of texts")
