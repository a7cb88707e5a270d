"""A name server with one name, which stands for servers that come and go."""

import socket
import threading
import time
from types import TracebackType
from typing import Self

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

NAME = "onnxlate.test"


class Names:
    """Answers over UDP on the loopback interface, as a cluster's name server would.

    What it says is up to `cache_s` old: caches stand before those of clusters.
    """

    def __init__(self, cache_s: float = 0.0) -> None:
        self._cache_s = cache_s
        self._now: tuple[str, ...] = ()
        self._said: tuple[str, ...] = ()
        self._said_at = float("-inf")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._answer, daemon=True, name="names")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))  # nothing at all ends it
        self._thread.join()
        self._socket.close()

    def target(self, port: int) -> str:
        """What a client of gRPC resolves here."""
        return f"dns://127.0.0.1:{self.port}/{NAME}:{port}"

    def add(self, host: str) -> None:
        self._now = (*self._now, host)

    def remove(self, host: str) -> None:
        self._now = tuple(each for each in self._now if each != host)

    def _answer(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(4096)
            if not data:
                return
            try:
                query = dns.message.from_wire(data)
            except dns.exception.DNSException:
                continue
            self._socket.sendto(self._response(query).to_wire(), sender)

    def _response(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        question = query.question[0]
        if question.name.to_text(omit_final_dot=True).lower() != NAME:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.A and (hosts := self._cached()):
            found = dns.rrset.from_text(question.name, 0, "IN", "A", *hosts)
            response.answer.append(found)
        return response

    def _cached(self) -> tuple[str, ...]:
        if time.monotonic() - self._said_at >= self._cache_s:
            self._said, self._said_at = self._now, time.monotonic()
        return self._said
