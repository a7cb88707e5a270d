"""`onnxlate models`: what a server can translate."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from onnxlate.client import Client
from onnxlate.credentials import Credentials
from onnxlate.messages import ServedModel

from . import options as shared
from .credentials import with_credentials
from .format import plain_data


@with_credentials
def models(
    server: shared.Server = shared.DEFAULT_SERVER,
    load: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="First have it serve this bundle of its models' folder.",
        ),
    ] = None,
    promote: Annotated[
        str | None,
        typer.Option(
            metavar="NAME@VERSION", help="First let the bare name mean this one."
        ),
    ] = None,
    unload: Annotated[
        str | None,
        typer.Option(metavar="NAME@VERSION", help="First have it serve this no more."),
    ] = None,
    timeout_s: shared.TimeoutS = 60.0,
    as_json: shared.Json = False,
    *,
    credentials: Credentials,
) -> None:
    """List the models a server has; with a token for it, change them.

    A bundle that is loaded answers to its bare name from then on; --promote goes back.
    """
    with Client(server, timeout_s=timeout_s, credentials=credentials) as client:
        if load:
            client.load_model(load)
        if promote:
            client.promote_model(promote)
        if unload:
            client.unload_model(unload)
        served = client.models()
    for model in served:
        if as_json:
            print(json.dumps(plain_data(model)))
        else:
            Console().print(_table(model))


def _title(model: ServedModel) -> str:
    if model.is_default:
        return f"{model.name}, the default"
    return model.name if model.is_current else model.full_name


def _table(model: ServedModel) -> Table:
    table = Table(
        title=_title(model),
        title_justify="left",
        show_header=False,
    )
    defaults = [
        f"{name} {value:g}"
        for name, value in model.default_options.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    table.add_row("languages", f"{model.source_language} → {model.target_language}")
    table.add_row("version", f"{model.version}, {model.precision}, {model.digest}")
    table.add_row("source", f"at most {model.max_source_tokens} tokens")
    table.add_row("target", f"at most {model.max_target_tokens} tokens")
    table.add_row("defaults", ", ".join(defaults))
    return table
