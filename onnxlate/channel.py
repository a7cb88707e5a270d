"""How a client's connection behaves: retries, pings, sizes."""

import json

from .address import is_loopback, is_several

MAX_MESSAGE_BYTES = 4 * 1024 * 1024 - 4096
"""What a server takes in one message (4 MiB, gRPC's own limit), less room for the
fields around the text."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""What a client takes in one message. An answer may be many times its texts: segments
and tokens are some 40 bytes each, whatever they stand for."""

_SERVICE = "onnxlate.v1.TranslationService"

# These three change nothing on the server, so asking again is always safe. A stream
# is not asked again: its first pieces may be on a screen already.
_RETRIED = ("Translate", "ListModels", "GetModel")

# Five attempts, gRPC's most, are spread over about 6 s: longer than a rolling
# restart's gap, shorter than a person's patience. A server that knows better sends
# grpc-retry-pushback-ms, which takes precedence.
_RETRY_POLICY = {
    "maxAttempts": 5,
    "initialBackoff": "0.2s",
    "maxBackoff": "4s",
    "backoffMultiplier": 3,
    "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
}

_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [{"service": _SERVICE, "method": method} for method in _RETRIED],
            "retryPolicy": _RETRY_POLICY,
        }
    ]
}

# Of several servers each gets calls in turn, as long as its health says SERVING; a
# call that one of them refuses or drops is asked again of the next.
_SEVERAL = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": _SERVICE},
}

# A server sends GOAWAY to whom pings more often than it allows (gRPC's default is
# every 300 s, ours every 10 s), and only calls under way need the answer.
_KEEPALIVE = [
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 0),
]

# A client that is started together with its server should not wait a second for
# its second attempt, nor two minutes for a later one, which are gRPC's defaults; and
# a server that is back, or has another address now, should be known before the next
# one is restarted. gRPC looks names up when a connection ends; every 30 s at most, if
# not told otherwise.
_RECONNECT = [
    ("grpc.dns_min_time_between_resolutions_ms", 2_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


def channel_options(target: str) -> list[tuple[str, str | int]]:
    """Options for a channel to `target`, synchronous or not."""
    service_config = _SERVICE_CONFIG | (_SEVERAL if is_several(target) else {})
    options: list[tuple[str, str | int]] = [
        ("grpc.service_config", json.dumps(service_config)),
        *_KEEPALIVE,
        *_RECONNECT,
        ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
    ]
    if is_loopback(target):
        # $http_proxy is for the world outside; a proxy's localhost is another one.
        options.append(("grpc.enable_http_proxy", 0))
    return options
