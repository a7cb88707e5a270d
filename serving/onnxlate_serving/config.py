"""What an operator can set; impossible values die here, naming the field."""

import re
from pathlib import Path
from typing import Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from .logs import LogFormat, LogLevel

WIDE = 256
"""Width from which on a single row keeps a core busy: operators are then worth sharing
among threads, and batches need not be large."""

FEW = 8
"""Rows that one engine decodes in hardly more time than one. As long as it has no more,
a second engine would do the same steps again, and take the CPU from the event loop."""

NO_MORE = 1
"""The same of narrow models without AVX-512: what a row takes is arithmetic, of which
others beside it save nothing."""

FULL = 32
"""Rows with which products are at their best; a row costs no less with more."""

FEWER = 16
"""The same of narrow models where a core's own cache is small, or scores and what rows
remember would push each other out of it."""

SMALL_CACHE = 1 << 20
"""Bytes that such a cache has less than."""

WIDEST = 16
"""Beam that is allowed unless it is said which, or rows are fewer."""

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s?#@]+")


class _Settings(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True
    )


class SchedulerConfig(_Settings):
    """How much is decoded at once, and how much may wait for it."""

    max_rows: PositiveInt | None = None
    """Rows in the decode batch of each worker; a beam of k takes k of them. With more,
    what is remembered of them no longer fits the processor's caches, and a step takes
    longer than they are worth. None is as many as suit the model and the processor
    (Sessions.rows), and the widest beam that is allowed."""

    max_waiting: PositiveInt = 1024
    """Texts that may wait for rows before new calls are refused. A call is taken or
    refused as a whole: while fewer than this are waiting, all of its texts are
    taken, so that a call larger than the room left is not refused for ever."""

    max_waiting_tokens: PositiveInt = 128 * 1024
    """Source tokens of texts that may wait, in the same way: what waiting costs is
    time, and that goes by tokens."""

    max_waiting_seconds: PositiveFloat | None = None
    """Seconds that those who are taken may wait, in the same way and by the rows'
    latest pace, however slow the machine is; few wait longer. None is as many as the
    other two bounds come to."""

    max_encode_tokens: PositiveInt = 4096
    """Source tokens that join at once while nobody is being decoded."""

    max_joining_tokens: PositiveInt = 256
    """Source tokens that join in one step beside others. All wait for the encoder, so
    smaller values make answers that are under way more even, and the first token of
    newcomers in a crowd later."""

    def on_a_gpu(self) -> Self:
        """With what nobody has set as a GPU likes it: an encoder's run takes it little
        longer for hundreds of sources than for one, so newcomers join together."""
        better = {"max_encode_tokens": 32 * 1024, "max_joining_tokens": 16 * 1024}
        unset = better.keys() - self.model_fields_set
        return self.model_copy(update={name: better[name] for name in unset})


class RequestLimits(_Settings):
    """What one call may ask for, whatever the model could do."""

    max_texts: PositiveInt = 256
    """Texts in one call."""

    max_sentences: PositiveInt = 32 * 1024
    """Sentences in one call, of all its texts together. By default no text of the
    longest that is allowed can have more: two bytes are the shortest line. However many
    they are, no more than some hundred of them wait for rows at a time."""

    max_text_bytes: PositiveInt = 64 * 1024
    """UTF-8 bytes of one text, checked before it costs a tokenisation."""

    max_beam_size: PositiveInt = WIDEST
    """Hypotheses kept for one text."""


class RuntimeConfig(_Settings):
    """Where onnxruntime computes."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """"auto" is CUDA where onnxruntime has it and a device answers, else the CPU."""

    workers: PositiveInt | None = None
    """Engines that share the work on the CPU, and the weights. None is one for each
    CPU; with threads, or where onnxruntime runs the graphs, as many as there are CPUs
    for their threads."""

    threads: PositiveInt | None = None
    """Threads inside one operator on the CPU. None is one for models narrower than 256,
    whose operators are too small to share, else two; or, where onnxruntime runs a wide
    model and workers are given, all CPUs shared out among them."""


class TlsConfig(_Settings):
    """PEM files; they are read again when they change."""

    certificate: Path
    """The server's, and those that signed it, up to one that clients know."""

    key: Path
    """The certificate's, without a password."""

    client_ca: Path | None = None
    """Who signs the certificates that clients then need: mutual TLS."""


class ServerConfig(_Settings):
    """Everything `onnxlate serve` knows when it starts."""

    bundles: tuple[Path, ...] = ()
    """Directories to serve side by side, by name; the first is the default model.
    None means the bundle that is installed with the package."""

    models: Path | None = None
    """A folder of further bundles, all of which are served; and, with `admin`, from
    which others are loaded later."""

    admin: bool = False
    """Whether holders of tokens with the scope admin may load, promote and unload."""

    listen: str = "127.0.0.1:50051"
    """HOST:PORT; port 0 lets the system choose."""

    metrics: str | None = None
    """HOST:PORT of Prometheus' page and of /healthz and /readyz, over HTTP, or HTTPS
    where there is TLS; None is nowhere."""

    web: str | None = None
    """HOST:PORT of the page and of REST, over HTTP, or HTTPS where there is TLS; None
    is nowhere."""

    web_origins: tuple[str, ...] = ()
    """Sites whose pages may call REST from a browser (CORS), as https://example.org."""

    tls: TlsConfig | None = None

    tokens: Path | None = None
    """Who may call what, as tokens.py reads it; None lets everyone call everything."""

    insecure: bool = False
    """Whether to listen without TLS where others than this machine can connect."""

    scheduler: SchedulerConfig = SchedulerConfig()
    """For each bundle its own."""

    limits: RequestLimits = RequestLimits()

    runtime: RuntimeConfig = RuntimeConfig()

    max_cached: NonNegativeInt = 4096
    """Answers that each model remembers, so that who asks the same again need not
    wait; about 1 kB each, and long ones count as several. 0 remembers nothing."""

    glossaries: Path | None = None
    """A folder of glossaries that requests may name: NAME.tsv, read again whenever it
    has changed."""

    log_calls: bool = False
    """Whether every call has a line in the log, at its end."""

    log_format: LogFormat = LogFormat.TEXT
    """How the web gateway, a process of its own, logs, as the next one."""

    log_level: LogLevel = LogLevel.INFO

    traces: str | None = None
    """URL of an OpenTelemetry collector (OTLP over HTTP) that is sent a span for each
    call, as http://127.0.0.1:4318; None is nowhere."""

    reflection: bool = False
    """Whether clients may ask which services and messages there are."""

    hang_seconds: PositiveFloat = 30.0
    """How long one step of a model may take before its engine counts as dead and the
    server ends; a step is one token of every row, or some dozens where nobody comes
    or goes, and takes milliseconds."""

    connection_seconds: PositiveFloat = 3600.0
    """How long a connection lasts, a tenth more or less, before its client is asked to
    make another one. Calls under way go on, until an hour and five minutes after it was
    made. Where clients choose among servers themselves, new servers get their share
    when connections are made anew."""

    announce_seconds: NonNegativeFloat = 1.0
    """How long health says NOT_SERVING before new calls are refused, so that load
    balancers look elsewhere first."""

    drain_seconds: NonNegativeFloat = 30.0
    """How long calls under way may take to finish after that; then they are cut."""

    @model_validator(mode="after")
    def _origins_are_some(self) -> "ServerConfig":
        if self.web_origins and not self.web:
            raise ValueError("web_origins are for a gateway; give --web, too")
        for each in self.web_origins:
            if each != "*" and not _ORIGIN.fullmatch(each):
                raise ValueError(
                    f"web origin {each!r} is not SCHEME://HOST[:PORT], such as "
                    "https://example.org"
                )
        return self

    @model_validator(mode="after")
    def _beams_fit_the_batch(self) -> "ServerConfig":
        max_rows = self.scheduler.max_rows
        if self.admin and not (self.models and self.tokens):
            raise ValueError(
                "admin needs a folder of models and tokens: --models and --tokens"
            )
        if max_rows and self.limits.max_beam_size > max_rows:
            raise ValueError(
                f"max_beam_size {self.limits.max_beam_size} is more than "
                f"max_rows {max_rows}; a beam takes a row each"
            )
        return self
