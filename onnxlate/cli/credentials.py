"""The options of commands that call a server: what it wants, and how to trust it."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from onnxlate.credentials import Credentials, read_token

Tls = Annotated[
    bool,
    typer.Option(
        "--tls",
        envvar="ONNXLATE_TLS",
        help="Speak TLS, and trust the public authorities.",
    ),
]
Ca = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        envvar="ONNXLATE_CA",
        help="Speak TLS, and trust these certificates instead.",
    ),
]
Certificate = Annotated[
    Path | None,
    typer.Option(
        "--certificate",
        envvar="ONNXLATE_CERTIFICATE",
        help="Show the server this one, and",
    ),
]
Key = Annotated[
    Path | None,
    typer.Option("--key", envvar="ONNXLATE_KEY", help="its key."),
]
ServerName = Annotated[
    str | None,
    typer.Option(
        "--server-name",
        envvar="ONNXLATE_SERVER_NAME",
        help="Whom the server's certificate must name.",
        show_default="the address",
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="ONNXLATE_TOKEN_FILE",
        help="Send the token in this file.",
    ),
]


def _credentials(
    tls: Tls = False,
    ca: Ca = None,
    certificate: Certificate = None,
    key: Key = None,
    server_name: ServerName = None,
    token_file: TokenFile = None,
) -> Credentials:
    return Credentials(
        tls=tls,
        ca=ca,
        certificate=certificate,
        key=key,
        server_name=server_name,
        token=read_token(token_file) if token_file else None,
    )


def with_credentials(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options above, and it gets `credentials` of them."""
    own = inspect.signature(_credentials)
    theirs = inspect.signature(command)
    kept = [each for each in theirs.parameters.values() if each.name != "credentials"]

    @functools.wraps(command)
    def call(*arguments: Any, **options: Any) -> None:
        given = {name: options.pop(name) for name in own.parameters if name in options}
        command(*arguments, **options, credentials=_credentials(**given))

    # Both, since typer reads both.
    parameters = [*kept, *own.parameters.values()]
    signature = theirs.replace(parameters=parameters)
    call.__signature__ = signature  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    return call
