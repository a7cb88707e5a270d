"""Who asks, as far as it decides whose turn it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    name: str = ""
    """Whose token it is, or where calls come from; those of one name share one turn."""

    seconds_left: float | None = None
    """How long the answer is waited for; None is for ever."""


ANYBODY = Caller()


def host_of(peer: str) -> str:
    """gRPC's "ipv4:10.0.0.1:5555" without the port, which every connection has anew."""
    return peer.rpartition(":")[0] or peer
