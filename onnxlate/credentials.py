"""How a client shows who it is, and knows whom it talks to."""

from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio

from .address import is_loopback, is_several
from .channel import channel_options
from .errors import ConfigError

MAX_TOKEN_CHARACTERS = 4096
"""gRPC refuses calls with more than 16 KiB beside their message, as if the server were
full, so that a client would ask again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """For servers with TLS, mutual TLS, or tokens; without any, a plain connection."""

    tls: bool = False
    """Whether to speak TLS; any of the next three says so too."""
    ca: Path | None = None
    """PEM certificates to trust; None is those that gRPC trusts, the public ones."""
    certificate: Path | None = None
    """Of this client, PEM, where the server wants one; together with its key."""
    key: Path | None = None
    server_name: str | None = None
    """Whom the server's certificate must name; None is the address itself."""
    token: str | None = None
    """Goes with each call, and never unencrypted to another machine."""

    @property
    def encrypted(self) -> bool:
        return self.tls or bool(self.ca or self.certificate or self.key)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """To send with each call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def channel(self, target: str) -> grpc.Channel:
        """Raises ConfigError if files cannot be read, or a token would be in danger."""
        options = self._options(target)
        if credentials := self._for(target):
            return grpc.secure_channel(target, credentials, options)
        return grpc.insecure_channel(target, options)

    def aio_channel(self, target: str) -> grpc.aio.Channel:
        """`channel` for asyncio."""
        options = self._options(target)
        if credentials := self._for(target):
            return grpc.aio.secure_channel(target, credentials, options)
        return grpc.aio.insecure_channel(target, options)

    def _options(self, target: str) -> list[tuple[str, str | int]]:
        options = channel_options(target)
        if self.server_name:
            options.append(("grpc.ssl_target_name_override", self.server_name))
        return options

    def check(self, target: str) -> None:
        """Raises ConfigError if the token is none, or everyone could read it."""
        if self.token is None:
            return
        if not _is_word(self.token):
            raise ConfigError(
                "a token is one word of printable ASCII characters, at most "
                f"{MAX_TOKEN_CHARACTERS} of them"
            )
        if not (self.encrypted or is_loopback(target)):
            raise ConfigError(
                f"a token would travel to {target} for everyone to read; use TLS "
                "(--ca FILE, or Credentials(tls=True))"
            )

    def _for(self, target: str) -> grpc.ChannelCredentials | None:
        self.check(target)
        if not self.encrypted:
            return None
        if (
            is_several(target)
            and not target.startswith("dns:")
            and not self.server_name
        ):
            raise ConfigError(
                "several addresses have no name in common that a certificate could "
                "have; give Credentials a server_name, or one address"
            )
        if bool(self.certificate) != bool(self.key):
            raise ConfigError("a client's certificate and its key go together")
        return grpc.ssl_channel_credentials(
            *(_content(path) for path in (self.ca, self.key, self.certificate))
        )


PLAIN = Credentials()


def read_token(path: Path) -> str:
    """What a file holds, without the end of the line; raises ConfigError."""
    token = (_content(path) or b"").decode(errors="replace").strip()
    if not _is_word(token):
        raise ConfigError(
            f"{path} does not hold a token: one word of printable ASCII, at most "
            f"{MAX_TOKEN_CHARACTERS} characters"
        )
    return token


def _is_word(token: str) -> bool:
    printable = token.isascii() and token.isprintable()
    short = 0 < len(token) <= MAX_TOKEN_CHARACTERS
    return short and printable and " " not in token


def _content(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as cause:
        raise ConfigError(f"cannot read {path}: {cause.strerror}") from cause
