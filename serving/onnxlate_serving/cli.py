"""`onnxlate serve`: bundles behind a port, until a signal; `onnxlate token`."""

import secrets
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from onnxlate.errors import ConfigError

from .config import (
    WIDEST,
    RequestLimits,
    RuntimeConfig,
    SchedulerConfig,
    ServerConfig,
    TlsConfig,
)
from .logs import LogFormat, LogLevel, set_up
from .settings_file import read_settings
from .tokens import Scope, hash_of


class Device(StrEnum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


def serve(
    bundles: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[BUNDLE]...",
            help="Bundles to serve side by side, by name; the first is the default.",
            show_default="the installed model",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with settings that are named like these options.",
            callback=read_settings,
            is_eager=True,
        ),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(help="Folder whose bundles are all served, each in its folder."),
    ] = None,
    admin: Annotated[
        bool,
        typer.Option(
            "--admin",
            help="Let tokens with the scope admin load, promote and unload models.",
        ),
    ] = False,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Port 0: the system chooses.")
    ] = "127.0.0.1:50051",
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where HTTP has /metrics, /healthz and /readyz.",
            show_default="nowhere",
        ),
    ] = None,
    web: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where browsers get a page, and LibreTranslate's clients REST.",
            show_default="nowhere",
        ),
    ] = None,
    web_origins: Annotated[
        list[str] | None,
        typer.Option(
            "--web-origin",
            metavar="URL",
            help="A site whose pages may call REST from a browser. Repeatable.",
            show_default="no other",
        ),
    ] = None,
    tls_certificate: Annotated[
        Path | None,
        typer.Option(help="PEM file: speak TLS. It is read again when it changes."),
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The certificate's key.")] = None,
    tls_client_ca: Annotated[
        Path | None,
        typer.Option(help="PEM file: ask clients for certificates that these signed."),
    ] = None,
    tokens: Annotated[
        Path | None,
        typer.Option(
            help="File of who may call what; `onnxlate token` makes its lines.",
            show_default="everyone may",
        ),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure", help="Without TLS, listen on other addresses than loopback."
        ),
    ] = False,
    device: Annotated[Device, typer.Option(help="Where to decode.")] = Device.auto,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Engines that share the work.",
            show_default="one for each CPU; with --threads, the CPUs over those",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Threads inside one operator of one engine.",
            show_default="1 for narrow models, else 2",
        ),
    ] = None,
    max_rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Rows that each worker decodes at once; a beam of k takes k.",
            show_default="32; 16 for narrow models where caches are small",
        ),
    ] = None,
    max_waiting: Annotated[
        int, typer.Option(min=1, help="Texts that may wait before calls are refused.")
    ] = 1024,
    max_waiting_tokens: Annotated[
        int, typer.Option(min=1, help="Source tokens that may wait, all in all.")
    ] = 131072,
    max_waiting_seconds: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help="Seconds that taken texts may wait, by the rows' latest pace.",
            show_default="no bound of its own",
        ),
    ] = None,
    max_texts: Annotated[int, typer.Option(min=1, help="Texts in one call.")] = 256,
    max_sentences: Annotated[
        int, typer.Option(min=1, help="Sentences in one call.")
    ] = 32768,
    max_text_bytes: Annotated[
        int, typer.Option(min=1, help="UTF-8 bytes of one text.")
    ] = 65536,
    max_beam_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Widest beam a call may ask for.",
            show_default="16, or max-rows if that is less",
        ),
    ] = None,
    max_cached: Annotated[
        int, typer.Option(min=0, help="Answers that each model remembers.")
    ] = 4096,
    glossaries: Annotated[
        Path | None,
        typer.Option(
            help="Folder of glossaries: NAME.tsv, in each line a source, tab, target."
        ),
    ] = None,
    log_format: Annotated[
        LogFormat, typer.Option(help="Lines for people, or an object each.")
    ] = LogFormat.TEXT,
    log_level: Annotated[
        LogLevel, typer.Option(help="The least that is logged.")
    ] = LogLevel.INFO,
    log_calls: Annotated[
        bool, typer.Option("--log-calls", help="Log each call, though never its texts.")
    ] = False,
    traces: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="OpenTelemetry collector that gets a span for each call, over HTTP.",
            show_default="nowhere",
        ),
    ] = None,
    reflection: Annotated[
        bool, typer.Option("--reflection", help="Tell clients the services' schema.")
    ] = False,
    hang_seconds: Annotated[
        float,
        typer.Option(
            min=0.1, help="How long one step may take before the server gives up."
        ),
    ] = 30.0,
    connection_seconds: Annotated[
        float,
        typer.Option(
            min=1, help="How long a connection lasts before clients make another one."
        ),
    ] = 3600.0,
    announce_seconds: Annotated[
        float,
        typer.Option(
            min=0, help="How long to say NOT_SERVING before refusing, when stopping."
        ),
    ] = 1.0,
    drain_seconds: Annotated[
        float, typer.Option(min=0, help="How long calls may then take to finish.")
    ] = 30.0,
) -> None:
    """Serve bundles over gRPC.

    Every option may also stand in the file that --config names, or in the environment:
    --max-rows as ONNXLATE_SERVE_MAX_ROWS. Flags come first, the file last.
    """
    if bool(tls_certificate) != bool(tls_key) or (tls_client_ca and not tls_key):
        raise ConfigError("TLS needs both --tls-certificate and --tls-key")
    tls = (
        TlsConfig(certificate=tls_certificate, key=tls_key, client_ca=tls_client_ca)
        if tls_certificate and tls_key
        else None
    )
    try:
        server_config = ServerConfig(
            bundles=tuple(bundles or ()),
            models=models,
            admin=admin,
            listen=listen,
            metrics=metrics,
            web=web,
            web_origins=tuple(web_origins or ()),
            tls=tls,
            tokens=tokens,
            insecure=insecure,
            scheduler=SchedulerConfig(
                max_rows=max_rows,
                max_waiting=max_waiting,
                max_waiting_tokens=max_waiting_tokens,
                max_waiting_seconds=max_waiting_seconds,
            ),
            limits=RequestLimits(
                max_texts=max_texts,
                max_sentences=max_sentences,
                max_text_bytes=max_text_bytes,
                max_beam_size=max_beam_size or min(WIDEST, max_rows or WIDEST),
            ),
            runtime=RuntimeConfig(
                device=device.value, workers=workers, threads=threads
            ),
            max_cached=max_cached,
            glossaries=glossaries,
            log_calls=log_calls,
            log_format=log_format,
            log_level=log_level,
            traces=traces,
            reflection=reflection,
            hang_seconds=hang_seconds,
            connection_seconds=connection_seconds,
            announce_seconds=announce_seconds,
            drain_seconds=drain_seconds,
        )
    except ValidationError as cause:
        message = cause.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(message) from cause
    set_up(log_format, log_level)
    # Late, so that --help and a bad option answer before onnxruntime is loaded.
    from .server import serve as serve_config

    raise typer.Exit(serve_config(server_config))


def token(
    name: Annotated[
        str, typer.Argument(help="Whose it will be; calls of one name share a turn.")
    ],
    scopes: Annotated[
        list[Scope] | None,
        typer.Option(
            "--scope", help="What it is good for. Repeatable.", show_default="translate"
        ),
    ] = None,
) -> None:
    """Make a token: its line for `serve --tokens` on stdout, itself on stderr.

    onnxlate token web >> tokens.txt
    """
    if len(name.split()) != 1 or "#" in name:
        raise ConfigError(f"{name!r} is not one word without #")
    made = secrets.token_urlsafe(32)
    wanted = ",".join(dict.fromkeys(scopes or [Scope.TRANSLATE]))
    print(f"{name} {wanted} sha256:{hash_of(made).hex()}")
    print(f"token of {name}, which is written nowhere: {made}", file=sys.stderr)
