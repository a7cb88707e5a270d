"""A span for each call, sent to an OpenTelemetry collector in the background.

Names are OpenTelemetry's semantic conventions for RPC; what only we know begins with
"onnxlate.". A caller's own trace goes on here if its metadata has a `traceparent`
(W3C Trace Context). The SDK's environment variables count, OTEL_SERVICE_NAME and
OTEL_TRACES_SAMPLER among them.
"""

import time
from urllib.parse import urlsplit

from onnxlate import __version__
from onnxlate.errors import ConfigError

from .call_log import CallRecord, Metadata, Observed
from .last_words import say_last_words

OURS = frozenset(
    [
        *("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED"),
        *("INTERNAL", "UNAVAILABLE", "DATA_LOSS"),
    ]
)
"""Statuses that are a server's failure; the others are its caller's."""

SPANS_PATH = "/v1/traces"

NANO = 1_000_000_000


class Traces:
    """Sends spans until it is stopped; what cannot be sent is dropped, and logged."""

    def __init__(self, collector: str) -> None:
        """Raises ConfigError for what is no URL, or if the extra is not installed."""
        endpoint = _endpoint(collector)
        try:
            from opentelemetry import trace
            from opentelemetry.exporter.otlp.proto.http import trace_exporter
            from opentelemetry.sdk.resources import SERVICE_NAME, Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace.propagation import tracecontext
        except ModuleNotFoundError as cause:
            raise ConfigError(
                f"--traces needs {cause.name}, which is not installed; "
                "pip install 'onnxlate[serve,trace]'"
            ) from cause
        resource = Resource.create()
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: "onnxlate"}))
        try:
            exporter = trace_exporter.OTLPSpanExporter(endpoint=endpoint)
            processor = BatchSpanProcessor(exporter)
        except ValueError as cause:  # of the SDK's own environment variables
            raise ConfigError(f"--traces: {cause}") from cause
        # Its own end of the process would wait for a collector that is away.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("onnxlate", __version__)
        self._propagator = tracecontext.TraceContextTextMapPropagator()
        self._trace = trace

    def call(self, record: CallRecord, observed: Observed, metadata: Metadata) -> None:
        """A span of the call that is just over; it takes no time of the call's."""
        method = record.method.removeprefix("/")
        # Collectors want the time of day, which nothing else here depends on.
        ended = time.time_ns()
        began = ended - round(record.seconds * NANO)
        carrier = {
            key: value for key, value in metadata.items() if isinstance(value, str)
        }
        made = self._tracer.start_span(
            method,
            context=self._propagator.extract(carrier),
            kind=self._trace.SpanKind.SERVER,
            start_time=began,
            attributes={
                "rpc.system.name": "grpc",
                "rpc.method": method,
                "rpc.response.status_code": record.status,
                "onnxlate.request_id": record.request_id,
                "onnxlate.caller": record.caller,
                "onnxlate.model": record.model,
                "onnxlate.texts": record.texts,
                "onnxlate.source_tokens": record.source_tokens,
                "onnxlate.target_tokens": record.target_tokens,
            },
        )
        if observed.first_seconds is not None:
            at = began + round(observed.first_seconds * NANO)
            made.add_event("first answer", timestamp=at)
        if record.status in OURS:
            made.set_status(self._trace.StatusCode.ERROR)
            made.set_attribute("error.type", record.status)
        made.end(ended)

    def stop(self) -> None:
        """Sends what is left, unless nobody takes it."""
        say_last_words(self._provider.shutdown)


def _endpoint(collector: str) -> str:
    """Where spans go; raises ConfigError for what is no URL, or has a password."""
    try:
        parts = urlsplit(collector)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # of an address or a port that is none
        sound = False
    if not sound or collector.split() != [collector]:
        raise ConfigError(
            f"--traces {collector} is no URL of a collector, such as "
            "http://127.0.0.1:4318"
        )
    if "@" in parts.netloc:
        raise ConfigError(
            "--traces: a password in the URL would stand in the log; put it into "
            "OTEL_EXPORTER_OTLP_HEADERS"
        )
    path = parts.path.rstrip("/").removesuffix(SPANS_PATH) + SPANS_PATH
    return parts._replace(path=path).geturl()
