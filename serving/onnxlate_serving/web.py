"""Metrics and health over HTTP, for those who speak no gRPC."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client import CONTENT_TYPE_LATEST

from .address import Address

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""How long a connection may take to say what it wants."""

PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    content: bytes
    kind: str = PLAIN
    status: HTTPStatus = HTTPStatus.OK


Pages = Mapping[str, Callable[[], Page]]


def metrics_page(text: Callable[[], bytes]) -> Callable[[], Page]:
    return lambda: Page(text(), CONTENT_TYPE_LATEST)


def verdict_page(good: Callable[[], bool]) -> Callable[[], Page]:
    """ "ok", or 503: what probes look at."""

    def page() -> Page:
        if good():
            return Page(b"ok\n")
        return Page(b"no\n", status=HTTPStatus.SERVICE_UNAVAILABLE)

    return page


class WebServer:
    """Some pages on a port, by threads of its own; it can harm nothing else."""

    def __init__(self, address: Address, pages: Pages) -> None:
        """Listens at once; raises ConfigError."""
        address.check_free()

        class Handler(_Handler):
            its_pages = pages

        self._server = _Server((address.host, address.port), Handler)
        self.address = Address(address.host, int(self._server.server_address[1]))
        self._thread = Thread(
            target=self._server.serve_forever, name="web", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 16

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever hangs up or talks nonsense is no event."""
        log.debug("a web request failed", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    its_pages: Pages
    timeout = PATIENCE_S
    server_version = "onnxlate"
    sys_version = ""

    def do_GET(self) -> None:
        page = self.its_pages.get(self.path.partition("?")[0])
        answer = page() if page else Page(b"not here\n", status=HTTPStatus.NOT_FOUND)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes every few seconds are nothing to report."""
