"""What is told to those who are refused, and to the log about them.

In a crowd there are hundreds of refusals a second, from the very CPUs that the answers
need, so what they have in common is made once.
"""

import asyncio
import logging
from functools import lru_cache

from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

log = logging.getLogger(__name__)

RETRY_AFTER_MS = 300
"""When a refused client may ask again: some tens of steps from now."""

QUIET_S = 1.0
"""Between two lines of the log about refusals."""

Trailers = tuple[tuple[str, str | bytes], ...]


@lru_cache(64)
def come_back_later(details: str) -> Trailers:
    """Trailers that say when: to gRPC's own retries, and as google.rpc.RetryInfo."""
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(RETRY_AFTER_MS)
    status = status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message=details)
    status.details.add().Pack(retry)
    return (
        ("grpc-retry-pushback-ms", str(RETRY_AFTER_MS)),
        *rpc_status.to_status(status).trailing_metadata,
    )


class Refusals:
    """Logs the first at once, and then how many there were, a line a second at most."""

    def __init__(self, quiet_s: float = QUIET_S) -> None:
        self._quiet_s = quiet_s
        self._untold = 0
        self._why = ""
        self._quiet = False

    def note(self, why: str) -> None:
        """To be called in the event loop."""
        if self._quiet:
            self._untold += 1
            self._why = why
        else:
            self._tell(f"refused: {why}")

    def _tell(self, line: str) -> None:
        log.warning("%s", line)
        self._quiet = True
        asyncio.get_running_loop().call_later(self._quiet_s, self._tell_the_rest)

    def _tell_the_rest(self) -> None:
        self._quiet = False
        if self._untold:
            count, self._untold = self._untold, 0
            self._tell(f"refused {count} more calls, the last: {self._why}")
