"""The server's certificate, and whose certificates it trusts."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

import grpc

from .config import TlsConfig
from .fresh import Fresh


@dataclass(frozen=True, slots=True)
class Certificates:
    """What the files hold."""

    key: bytes
    """PEM, as the other two."""
    chain: bytes
    client_ca: bytes | None
    context: ssl.SSLContext
    """The same for Python's own sockets."""


class Tls:
    """A certificate as new as its files; new connections get the new one."""

    def __init__(self, config: TlsConfig) -> None:
        """Raises ConfigError if the files cannot be used."""
        paths = (config.certificate, config.key, config.client_ca)
        self._files = Fresh(
            "TLS certificates", [path for path in paths if path], lambda: _read(config)
        )
        self._mutual = config.client_ca is not None

    def context(self) -> ssl.SSLContext:
        return self._files.latest().context

    def credentials(self) -> grpc.ServerCredentials:
        """For gRPC, which asks for the certificate with every new connection."""
        known = self._files.latest()

        def latest() -> Any:  # grpc-stubs know of no None, which keeps what there is
            nonlocal known
            newest = self._files.latest()
            if newest is known:
                return None
            known = newest
            return _for_grpc(newest)

        return grpc.dynamic_ssl_server_credentials(
            _for_grpc(known), latest, require_client_authentication=self._mutual
        )


def _for_grpc(certificates: Certificates) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(certificates.key, certificates.chain)], certificates.client_ca
    )


def _read(config: TlsConfig) -> Certificates:
    """Raises OSError or ValueError, naming the file.

    OpenSSL looks at them first: gRPC would notice nothing before somebody connects,
    and then tell nobody why that failed.
    """
    for path in (config.certificate, config.key, config.client_ca):
        if path and not path.is_file():
            raise ValueError(f"there is no file {path}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a password it would be asked for at the terminal.
        context.load_cert_chain(config.certificate, config.key, password="")
    except ssl.SSLError as cause:
        raise ValueError(
            f"{config.certificate} and {config.key} are not a PEM certificate and its "
            f"key without a password ({cause.reason or cause})"
        ) from cause
    if config.client_ca:
        try:
            context.load_verify_locations(config.client_ca)
        except ssl.SSLError as cause:
            raise ValueError(f"{config.client_ca} has no PEM certificate") from cause
        context.verify_mode = ssl.CERT_REQUIRED
    return Certificates(
        key=config.key.read_bytes(),
        chain=config.certificate.read_bytes(),
        client_ca=config.client_ca.read_bytes() if config.client_ca else None,
        context=context,
    )
