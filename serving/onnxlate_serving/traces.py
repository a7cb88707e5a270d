"""A span for each call, sent to an OpenTelemetry collector in the background.

Names are OpenTelemetry's semantic conventions for RPC; what only we know begins with
"onnxlate.". A caller's own trace goes on here if its metadata has a `traceparent`
(W3C Trace Context). The SDK's environment variables count, OTEL_SERVICE_NAME and
OTEL_TRACES_SAMPLER among them.
"""

from urllib.parse import urlsplit

from onnxlate import __version__
from onnxlate.errors import ConfigError

from .call_log import CallRecord, Span

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
        parts = urlsplit(collector)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ConfigError(
                f"--traces {collector} is no URL of a collector, such as "
                "http://127.0.0.1:4318"
            )
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
        path = parts.path.rstrip("/") or SPANS_PATH
        exporter = trace_exporter.OTLPSpanExporter(
            endpoint=parts._replace(path=path).geturl()
        )
        # OTEL_SERVICE_NAME, which is in create's own defaults, wins over ours.
        ours = Resource({SERVICE_NAME: "onnxlate"})
        named = Resource.create()
        if not str(named.attributes.get(SERVICE_NAME, "")).startswith(
            "unknown_service"
        ):
            ours = Resource({})
        self._provider = TracerProvider(resource=named.merge(ours))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("onnxlate", __version__)
        self._propagator = tracecontext.TraceContextTextMapPropagator()
        self._trace = trace

    def call(self, record: CallRecord, span: Span) -> None:
        """A span of the call that is just over; it takes no time of the call's."""
        method = record.method.removeprefix("/")
        began = round(span.began * NANO)
        carrier = {
            key: value for key, value in span.metadata.items() if isinstance(value, str)
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
        if span.first_seconds is not None:
            at = began + round(span.first_seconds * NANO)
            made.add_event("first answer", timestamp=at)
        if record.status in OURS:
            made.set_status(self._trace.StatusCode.ERROR)
            made.set_attribute("error.type", record.status)
        made.end(began + round(record.seconds * NANO))

    def stop(self) -> None:
        """Sends what is left."""
        self._provider.shutdown()
