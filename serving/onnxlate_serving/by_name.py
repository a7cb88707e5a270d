"""Services whose methods gRPC finds by their names, when they are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc


class ByName:
    """What generated code adds services to, in the place of a server.

    It would register each method with gRPC besides. For each of those grpc.aio has a
    task that waits for the next call, and at every call asks all of them: with twenty
    methods that takes a tenth of what a refusal costs.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(
        self, handlers: Sequence[grpc.GenericRpcHandler[Any, Any]]
    ) -> None:
        self._server.add_generic_rpc_handlers(tuple(handlers))

    def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
        """Nothing: they are among the generic ones."""
