"""Where servers answer: HOST:PORT, several, or another target that gRPC resolves."""

import re
import socket
from ipaddress import ip_address

from .errors import ConfigError

_HOST_PORT = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]+)"
)

# Names gRPC resolves by itself: https://grpc.github.io/grpc/core/md_doc_naming.html
_SCHEMES = ("dns:", "unix:", "ipv4:", "ipv6:")


def checked_target(server: str) -> str:
    """`server` as gRPC wants it; raises ConfigError if it cannot be an address.

    Several addresses with commas between become one target, among which gRPC chooses;
    their names are looked up now.
    """
    if server.startswith(_SCHEMES):
        return server
    addresses = server.split(",")
    for each in addresses:
        _check(each)
    return server if len(addresses) == 1 else _several(addresses)


def is_loopback(target: str) -> bool:
    """Whether the target is certainly this very machine."""
    if target.startswith("unix:"):
        return True
    matches = [_HOST_PORT.fullmatch(each) for each in _addresses(target)]
    return all(match and _is_loopback_host(match["host"]) for match in matches)


def is_several(target: str) -> bool:
    """Whether it may stand for more than one server."""
    return target.startswith("dns:") or len(_addresses(target)) > 1


def require_one(target: str) -> None:
    """Raises ConfigError if it stands for several, each with models of its own."""
    if is_several(target):
        raise ConfigError(
            f"{target} is several servers; change the models of one at a time"
        )


def _check(server: str) -> None:
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


def _several(addresses: list[str]) -> str:
    """ "ipv4:10.0.0.1:80,10.0.0.2:80", or the same with ipv6."""
    found = [_looked_up(each) for each in addresses]
    families = {family for family, _ in found}
    if len(families) > 1:
        raise ConfigError("server addresses are of IPv4 or of IPv6, and not of both")
    return f"{families.pop()}:{','.join(place for _, place in found)}"


def _looked_up(address: str) -> tuple[str, str]:
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except OSError as cause:
        raise ConfigError(
            f"server address {address!r}: there is no such host"
        ) from cause
    # IPv4 where a name has both, as servers listen by default.
    family, _, _, _, place = min(found, key=lambda each: each[0] != socket.AF_INET)
    if family == socket.AF_INET:
        return "ipv4", f"{place[0]}:{port}"
    return "ipv6", f"[{place[0]}]:{port}"


def _addresses(target: str) -> list[str]:
    scheme = next((s for s in ("ipv4:", "ipv6:") if target.startswith(s)), "")
    return target.removeprefix(scheme).split(",")


def _is_loopback_host(host: str) -> bool:
    bare = host.strip("[]")
    try:
        return ip_address(bare).is_loopback
    except ValueError:
        return bare == "localhost"
