"""Spans of calls, as a collector gets them."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from onnxlate.bundle import Bundle
from onnxlate.errors import ConfigError
from onnxlate.v1 import translation_pb2 as pb
from onnxlate_serving.config import ServerConfig
from onnxlate_serving.last_words import LAST_WORDS_S
from onnxlate_serving.traces import Traces

from .serving import ANYWHERE, connected, served

METHOD = "onnxlate.v1.TranslationService/Translate"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector:
    """Takes spans over HTTP, as a real one does."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.requests: list[Any] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    import gzip

                    body = gzip.decompress(body)
                request = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
                collector.paths.append(self.path)
                collector.requests.append(request)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests
            for of_service in request.resource_spans
            for scope in of_service.scope_spans
            for span in scope.spans
        ]

    @property
    def services(self) -> set[str]:
        return {
            fact.value.string_value
            for request in self.requests
            for of_service in request.resource_spans
            for fact in of_service.resource.attributes
            if fact.key == "service.name"
        }


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def facts(span: Any) -> dict[str, object]:
    return {
        fact.key: fact.value.string_value or fact.value.int_value
        for fact in span.attributes
    }


async def test_each_call_is_a_span_of_its_callers_trace(
    bundle: Bundle, collector: Collector
) -> None:
    config = ServerConfig(bundles=(bundle.path,), listen=ANYWHERE, traces=collector.url)
    parent = ("traceparent", f"00-{TRACE}-{PARENT}-01")
    async with served(config) as address, connected(address) as stub:
        request = pb.TranslateRequest(texts=["one", "two"])
        answer = await stub.Translate(
            request, metadata=(parent, ("x-request-id", "order-66"))
        )
        pieces = stub.TranslateStream(pb.TranslateStreamRequest(text="three"))
        _ = [piece async for piece in pieces]
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.Translate(pb.TranslateRequest(texts=["a"], model="none"))

    assert set(collector.paths) == {"/v1/traces"}
    assert collector.services == {"onnxlate"}
    first, stream, refused = collector.spans
    assert first.name == METHOD
    assert first.kind == trace_pb2.Span.SPAN_KIND_SERVER
    assert (first.trace_id.hex(), first.parent_span_id.hex()) == (TRACE, PARENT)
    told = facts(first)
    assert told["onnxlate.request_id"] == "order-66"
    assert told["rpc.response.status_code"] == "OK"
    assert told["onnxlate.texts"] == 2
    assert told["onnxlate.model"] == bundle.manifest.name + "@1"
    assert first.start_time_unix_nano < first.end_time_unix_nano
    [answered] = stream.events
    assert answered.name == "first answer"
    assert stream.start_time_unix_nano < answered.time_unix_nano
    assert answered.time_unix_nano <= stream.end_time_unix_nano
    assert not stream.parent_span_id
    # A caller's mistake is no failure of the server's.
    assert facts(refused)["rpc.response.status_code"] == "NOT_FOUND"
    assert refused.status.code == trace_pb2.Status.STATUS_CODE_UNSET
    sent = str(collector.requests)
    said = [
        hypothesis.text for each in answer.results for hypothesis in each.hypotheses
    ]
    for text in ("one", "two", "three", *said):
        assert f'"{text}"' not in sent


async def test_no_collector_is_no_reason_to_fail_or_to_stop_late(
    bundle: Bundle,
) -> None:
    config = ServerConfig(
        bundles=(bundle.path,), listen=ANYWHERE, traces="http://127.0.0.1:9"
    )
    async with served(config) as address, connected(address) as stub:
        answer = await stub.Translate(pb.TranslateRequest(texts=["one"]))
        began = time.monotonic()

    assert len(answer.results) == 1
    assert time.monotonic() - began < LAST_WORDS_S + 3


def test_the_service_is_named_by_the_environment(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "translations-eu")
    traces = Traces(f"{collector.url}/v1/traces")
    traces._tracer.start_span("x").end()
    traces.stop()

    assert collector.services == {"translations-eu"}
    assert collector.paths == ["/v1/traces"]


@pytest.mark.parametrize(
    "text",
    [
        *("collector:4318", "ftp://x", "http://", "http:// ", "http://[::1:4318"),
        *("http://x:abc", "http://x:0"),
    ],
)
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no URL of a collector"):
        Traces(text)


def test_a_password_is_kept_out_of_the_log() -> None:
    with pytest.raises(ConfigError, match="OTEL_EXPORTER_OTLP_HEADERS") as caught:
        Traces("https://user:secret@collector")
    assert "secret" not in str(caught.value)


def test_settings_of_the_sdk_that_cannot_be_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100")
    with pytest.raises(ConfigError, match="--traces: "):
        Traces("http://127.0.0.1:9")


def test_paths_of_the_collector_stay(collector: Collector) -> None:
    traces = Traces(f"{collector.url}/otlp/")
    traces._tracer.start_span("x").end()
    traces.stop()

    assert collector.paths == ["/otlp/v1/traces"]
