"""Where a server listens."""

import errno
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from onnxlate.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int
    """0 lets the system choose."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Address":
        """HOST:PORT, an IPv6 host in brackets; raises ConfigError."""
        host, colon, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        bare = host[1:-1] if bracketed else host
        plain = port.isascii() and port.isdigit() and int(port) <= 65535
        if not (colon and bare and plain) or (":" in bare and not bracketed):
            raise ConfigError(
                f"cannot listen on {text!r}: it is not HOST:PORT, "
                "such as 127.0.0.1:50051 or [::1]:50051"
            )
        return cls(bare, int(port))

    @property
    def loopback(self) -> bool:
        """Whether only this very machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def check_free(self) -> None:
        """Raises ConfigError if it cannot be listened on.

        gRPC would notice too, but say so on stderr in a format of its own.
        """
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM
            )[0]
            with socket.socket(family, kind, protocol) as probe:
                # As gRPC does, or a server could not follow upon another at once.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
        except OSError as cause:
            raise ConfigError(f"cannot listen on {self}: {_reason(cause)}") from cause


def _reason(cause: OSError) -> str:
    if isinstance(cause, socket.gaierror):
        return "there is no such host"
    if cause.errno == errno.EADDRINUSE:
        return "the port is in use; stop what uses it, or choose another"
    return cause.strerror or "the system refuses"
