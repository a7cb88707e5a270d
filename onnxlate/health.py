"""`python -m onnxlate.health HOST:PORT`: exits with 0 if the server there serves.

For a container's health check or an exec probe; asks grpc.health.v1, and needs the
extra `serve`, as the server itself does. For a server with TLS, ONNXLATE_CA, and
ONNXLATE_CERTIFICATE and ONNXLATE_KEY where that is mutual, name PEM files, and
ONNXLATE_SERVER_NAME whom its certificate names, if not the address.
"""

import os
import sys
from pathlib import Path

import grpc

from .address import checked_target
from .credentials import PLAIN, Credentials
from .errors import ConfigError, OnnxlateError, Unavailable
from .statuses import error_from

TIMEOUT_S = 5.0


def check(server: str, service: str = "", credentials: Credentials = PLAIN) -> None:
    """Raises an OnnxlateError unless `service`, "" for all, is SERVING."""
    try:
        from grpc_health.v1 import health_pb2, health_pb2_grpc
    except ModuleNotFoundError as cause:
        raise ConfigError(
            f"a health check needs {cause.name}, which is not installed; "
            "pip install 'onnxlate[serve]'"
        ) from cause
    target = checked_target(server)
    with credentials.channel(target) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT_S
            )
        except grpc.RpcError as cause:
            raise error_from(cause, target) from cause
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        name = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        raise Unavailable(f"the server at {target} is {name}")


def from_environment() -> Credentials:
    """As the commands of `onnxlate` take them; health wants no token."""
    ca, certificate, key = (
        Path(given) if (given := os.environ.get(f"ONNXLATE_{name}")) else None
        for name in ("CA", "CERTIFICATE", "KEY")
    )
    said = os.environ.get("ONNXLATE_TLS", "").lower()
    return Credentials(
        tls=said in ("1", "true", "t", "yes", "y", "on"),
        ca=ca,
        certificate=certificate,
        key=key,
        server_name=os.environ.get("ONNXLATE_SERVER_NAME"),
    )


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python -m onnxlate.health HOST:PORT [SERVICE]")
    try:
        check(sys.argv[1], "".join(sys.argv[2:]), from_environment())
    except OnnxlateError as error:
        sys.exit(f"error: {error}")
    print("SERVING")


if __name__ == "__main__":
    main()
