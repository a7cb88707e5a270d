"""`onnxlate models`: what a server can translate."""

import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from onnxlate.client import Client
from onnxlate.credentials import Credentials
from onnxlate.messages import ServedModel

from . import options as shared
from .credentials import with_credentials


@with_credentials
def models(
    server: shared.Server = shared.DEFAULT_SERVER,
    timeout_s: shared.TimeoutS = 60.0,
    as_json: shared.Json = False,
    *,
    credentials: Credentials,
) -> None:
    """List the models a server has."""
    with Client(server, timeout_s=timeout_s, credentials=credentials) as client:
        served = client.models()
    for model in served:
        if as_json:
            print(json.dumps(asdict(model)))
        else:
            Console().print(_table(model))


def _table(model: ServedModel) -> Table:
    table = Table(
        title=model.name + (", the default" if model.is_default else ""),
        title_justify="left",
        show_header=False,
    )
    defaults = [f"{name} {value:g}" for name, value in model.default_options.items()]
    table.add_row("languages", f"{model.source_language} → {model.target_language}")
    table.add_row("version", f"{model.version}, {model.precision}, {model.digest}")
    table.add_row("source", f"at most {model.max_source_tokens} tokens")
    table.add_row("target", f"at most {model.max_target_tokens} tokens")
    table.add_row("defaults", ", ".join(defaults))
    return table
