"""Metrics and health over HTTP, for those who speak no gRPC."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Thread, Timer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from onnxlate.errors import OnnxlateError, PermissionDenied

from .address import Address
from .tls import Tls
from .tokens import Scope, Tokens

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""How long a connection may take to say what it wants, and to hear it."""

MAX_CONNECTIONS = 32
"""At once; each has a thread."""

PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    content: bytes
    kind: str = PLAIN
    status: HTTPStatus = HTTPStatus.OK


MISSING = Page(b"not here\n", status=HTTPStatus.NOT_FOUND)

Answer = Callable[[str], Page]
"""To a request with such an Authorization header, "" for none."""

Pages = Mapping[str, Answer]


def metrics_page(text: Callable[[], bytes], tokens: Tokens | None) -> Answer:
    """For everyone, or, where there are tokens, for those that are for metrics."""

    def page(authorization: str) -> Page:
        try:
            if tokens:
                tokens.holder(authorization, Scope.METRICS)
        except PermissionDenied as error:
            return Page(f"{error}\n".encode(), status=HTTPStatus.FORBIDDEN)
        except OnnxlateError as error:
            return Page(f"{error}\n".encode(), status=HTTPStatus.UNAUTHORIZED)
        return Page(text(), CONTENT_TYPE_LATEST)

    return page


def verdict_page(good: Callable[[], bool]) -> Answer:
    """ "ok", or 503, for everyone: what probes look at."""

    def page(authorization: str) -> Page:
        if good():
            return Page(b"ok\n")
        return Page(b"no\n", status=HTTPStatus.SERVICE_UNAVAILABLE)

    return page


class WebServer:
    """Some pages on a port, by threads of its own; it can harm nothing else."""

    def __init__(self, address: Address, pages: Pages, tls: Tls | None = None) -> None:
        """Listens at once; raises ConfigError."""
        address.check_free()

        class Handler(_Handler):
            its_pages = pages

        self._server = _Server(address, Handler, tls)
        self.scheme = "https" if tls else "http"
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
    """Answers a few at a time, none for long; others are hung up on."""

    daemon_threads = True
    request_queue_size = 16

    def __init__(
        self, address: Address, handler: type[BaseHTTPRequestHandler], tls: Tls | None
    ) -> None:
        self.tls = tls
        self._room = BoundedSemaphore(MAX_CONNECTIONS)
        if ":" in address.host:
            self.address_family = socket.AF_INET6
        super().__init__((address.host, address.port), handler)

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        if self.tls:
            # Greets later, in the connection's own thread, which has a time limit.
            connection = self.tls.context().wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # the system has no thread to give
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        # Each byte that arrives would begin a time limit of its own.
        limit = Timer(PATIENCE_S, _cut, [request])
        limit.daemon = True
        try:
            limit.start()
            super().process_request_thread(request, client_address)
        except RuntimeError:  # as above; who cannot be cut off in time is at once
            self.shutdown_request(request)
        finally:
            limit.cancel()
            self._room.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever hangs up or talks nonsense is no event."""
        log.debug("a web request failed", exc_info=True)


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    its_pages: Pages
    timeout = PATIENCE_S
    server_version = "onnxlate"
    sys_version = ""

    def do_GET(self) -> None:
        page = self.its_pages.get(self.path.partition("?")[0])
        authorization = self.headers.get("Authorization", "")
        answer = page(authorization) if page else MISSING
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.content)))
        self.send_header("Cache-Control", "no-store")
        if answer.status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes every few seconds are nothing to report."""
