"""Where a server answers: HOST:PORT, or another target that gRPC resolves."""

import re
from ipaddress import ip_address

from .errors import ConfigError

_HOST_PORT = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]+)"
)

# Names gRPC resolves by itself: https://grpc.github.io/grpc/core/md_doc_naming.html
_SCHEMES = ("dns:", "unix:", "ipv4:", "ipv6:")


def checked_target(server: str) -> str:
    """`server` as gRPC wants it; raises ConfigError if it cannot be an address."""
    if server.startswith(_SCHEMES):
        return server
    match = _HOST_PORT.fullmatch(server)
    if not match:
        hint = "; leave out the scheme" if "://" in server else ""
        raise ConfigError(
            f"server address {server!r} is not HOST:PORT, "
            f"such as localhost:50051 or [::1]:50051{hint}"
        )
    if not 1 <= int(match["port"]) <= 65535:
        raise ConfigError(
            f"server address {server!r} is not HOST:PORT: a port is from 1 to 65535"
        )
    return server


def is_loopback(target: str) -> bool:
    """Whether the target is certainly this very machine."""
    match = _HOST_PORT.fullmatch(target)
    if not match:
        return target.startswith("unix:")
    host = match["host"].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
