"""Who may call what: bearer tokens, of which the server knows the hashes alone.

A line of the file is a name, scopes with commas between them, and the token's
SHA-256; `onnxlate token` makes one. A token has 256 random bits, so that no slow
hash is needed to keep it from being guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from onnxlate.errors import PermissionDenied, Unauthenticated

from .fresh import Fresh

Metadata = Iterable[tuple[str, str | bytes]]


class Scope(StrEnum):
    """What a token is good for."""

    TRANSLATE = "translate"
    METRICS = "metrics"
    ADMIN = "admin"


SCOPES = {
    "onnxlate.v1.TranslationService": Scope.TRANSLATE,
    "inference.GRPCInferenceService": Scope.TRANSLATE,
}
"""By service; one that is not named here is for administrators."""

OPEN = ("grpc.health.v1.Health",)
"""Services for everyone: load balancers have no token, and health tells no secret."""

MAX_BYTES = 1 << 20
"""Of the file; larger ones are another file."""

_BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)
_LINE = re.compile(
    r"(?P<name>\S+)\s+(?P<scopes>\S+)\s+sha256:(?P<hash>[0-9a-fA-F]{64})"
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Of one token."""

    name: str
    scopes: frozenset[Scope]
    hash: bytes


def hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def parse(text: str) -> list[Holder]:
    """Raises ValueError with the line's number, and nothing of what it says."""
    holders: list[Holder] = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        match = _LINE.fullmatch(content)
        if not match:
            raise ValueError(
                f"line {number} is not NAME SCOPE[,SCOPE] sha256:HASH; "
                "`onnxlate token NAME` makes such lines"
            )
        try:
            scopes = frozenset(map(Scope, match["scopes"].split(",")))
        except ValueError as cause:
            raise ValueError(
                f"line {number} has an unknown scope; there are {', '.join(Scope)}"
            ) from cause
        holders.append(Holder(match["name"], scopes, bytes.fromhex(match["hash"])))
    if not holders:
        raise ValueError("there is no token in it, so nobody could call")
    return holders


class Tokens:
    """The tokens of a file, as new as the file."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError if the file cannot be used."""
        self._file = Fresh(f"tokens of {path}", [path], lambda: parse(_text(path)))

    def admit(self, method: str, metadata: Metadata) -> str:
        """The name of who calls "/service/method"; "" where everyone may.

        Raises Unauthenticated without a token that is known, PermissionDenied if that
        one is not for this.
        """
        service = method.strip("/").partition("/")[0]
        if service in OPEN:
            return ""
        return self.holder(_header(metadata), SCOPES.get(service, Scope.ADMIN)).name

    def translator(self, metadata: Metadata) -> str:
        """The name of who calls to have something translated; raises as `admit`."""
        return self.holder(_header(metadata), Scope.TRANSLATE).name

    def holder(self, header: str, scope: Scope) -> Holder:
        """Whose Authorization header this is; raises as `admit` does."""
        match = _BEARER.fullmatch(header)
        holder = self._find(match[1]) if match else None
        if holder is None:
            raise Unauthenticated(
                "this server wants a token that it knows: authorization: Bearer TOKEN"
            )
        if scope not in holder.scopes:
            raise PermissionDenied(f"this token is not for {scope}")
        return holder

    def _find(self, token: str) -> Holder | None:
        given, found = hash_of(token), None
        # All of them, wherever the right one stands: that takes equally long.
        for holder in self._file.latest():
            if hmac.compare_digest(given, holder.hash):
                found = holder
        return found


def _header(metadata: Metadata) -> str:
    """The Authorization header; "" where there is none, or several."""
    given = [value for key, value in metadata if key == "authorization"]
    return given[0] if len(given) == 1 and isinstance(given[0], str) else ""


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError("it is larger than 1 MiB")
    return content.decode()
