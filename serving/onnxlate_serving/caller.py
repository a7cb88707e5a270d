"""Who asks, as far as it decides whose turn it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .tokens import Tokens


@dataclass(frozen=True, slots=True)
class Caller:
    name: str = ""
    """Whose token it is, or where calls come from; those of one name share one turn."""

    seconds_left: float | None = None
    """How long the answer is waited for; None is for ever."""

    def later(self, seconds: float) -> Caller:
        """The same after so long."""
        if self.seconds_left is None:
            return self
        return Caller(self.name, max(0.0, self.seconds_left - seconds))


ANYBODY = Caller()

Who = Callable[[Any], Caller]
"""From gRPC's context of a call."""


def host_of(peer: str) -> str:
    """gRPC's "ipv4:10.0.0.1:5555" without the port, which every connection has anew."""
    return peer.rpartition(":")[0] or peer


def by_address(context: Any) -> Caller:
    """Where everyone may call, a caller is where calls come from."""
    return Caller(host_of(context.peer()), context.time_remaining())


def by_token(tokens: Tokens) -> Who:
    """A caller is whose token it is, from wherever."""

    def who(context: Any) -> Caller:
        name = tokens.translator(context.invocation_metadata() or ())
        return Caller(name, context.time_remaining())

    return who
