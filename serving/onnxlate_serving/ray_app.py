"""A Ray Serve application: our engine and service in replicas that Ray looks after.

serve start --grpc-port 9000 \
    --grpc-servicer-functions onnxlate_serving.ray_proxy.add_to_proxy
serve run onnxlate_serving.ray_app:app bundle=/models/en-de max_replicas=4
"""

# Not `from __future__ import annotations`: Ray looks at the class of app's argument.
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any, Literal

import grpc
from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from onnxlate.errors import ConfigError
from onnxlate.v1 import translation_pb2 as pb

from .border import details_of
from .call_log import failure_of_ours, id_of_call
from .caller import by_address, by_token
from .calls import Calls
from .config import (
    WIDEST,
    RequestLimits,
    RuntimeConfig,
    SchedulerConfig,
    ServerConfig,
)
from .deployment import Deployment
from .glossary import Glossaries
from .metrics import Metrics
from .models import Models
from .ray_proxy import SECONDS_LEFT
from .server import paths_of
from .service import NAME, TranslationService
from .statuses import status_of
from .tokens import Tokens
from .unreadable import refuse_unreadable

log = logging.getLogger(__name__)


class RayArgs(BaseModel):
    """What `serve run onnxlate_serving.ray_app:app NAME=VALUE` may say, or `args` in
    Ray's YAML. Paths are those of the machines that replicas run on."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    bundle: Path | None = None
    """The default model; None is the installed one, if there are no `models`."""

    models: Path | None = None
    """A folder of further bundles, all of which are served."""

    tokens: Path | None = None
    """Who may call what, as `onnxlate serve --tokens` has it."""

    glossaries: Path | None = None

    device: Literal["auto", "cpu", "cuda"] = "cpu"

    num_gpus: NonNegativeFloat = 0.0
    """What a replica takes of a node's; 0.5 lets two share one."""

    workers: PositiveInt = 1
    """Engines of a replica, each a thread that decodes."""

    threads: PositiveInt = 1
    """Threads inside one operator of one engine. A replica takes workers x threads of a
    node's CPUs."""

    max_rows: PositiveInt | None = None
    """Rows that each worker decodes at once; None is as `onnxlate serve` does."""

    max_waiting: PositiveInt = 1024
    """Texts that may wait in a replica before it refuses calls."""

    max_cached: NonNegativeInt = 4096
    """Answers that each replica remembers."""

    hang_seconds: PositiveFloat = 30.0
    """How long a step may take before the replica counts as unhealthy."""

    min_replicas: NonNegativeInt = 1

    max_replicas: PositiveInt = 4

    target_ongoing_requests: PositiveFloat = 16.0
    """Calls at a time in each replica at which there are as many replicas as there
    should be: more, and Ray starts others; fewer, and it ends some."""

    max_ongoing_requests: PositiveInt = 256
    """Calls at a time that Ray gives one replica; others wait in the proxies."""

    max_queued_requests: PositiveInt = 1024
    """Calls that may wait in each proxy; further ones are RESOURCE_EXHAUSTED."""

    upscale_delay_s: NonNegativeFloat = 10.0

    downscale_delay_s: NonNegativeFloat = 300.0

    health_check_period_s: PositiveFloat = 5.0

    drain_seconds: NonNegativeFloat = 30.0
    """How long calls may take to finish when a replica is to end."""

    def server_config(self) -> ServerConfig:
        return ServerConfig(
            bundles=(self.bundle,) if self.bundle else (),
            models=self.models,
            tokens=self.tokens,
            glossaries=self.glossaries,
            scheduler=SchedulerConfig(
                max_rows=self.max_rows, max_waiting=self.max_waiting
            ),
            limits=RequestLimits(max_beam_size=min(WIDEST, self.max_rows or WIDEST)),
            runtime=RuntimeConfig(
                device=self.device, workers=self.workers, threads=self.threads
            ),
            max_cached=self.max_cached,
            hang_seconds=self.hang_seconds,
        )


def app(args: RayArgs) -> Any:
    """The application, to be given to serve.run; raises ConfigError without Ray."""
    try:
        from ray import serve
    except ModuleNotFoundError as cause:
        raise ConfigError(
            f"Ray needs {cause.name}, which is not installed; "
            "pip install 'onnxlate[ray]'"
        ) from cause
    args.server_config()  # says here, and not in a replica's log, what cannot be
    return serve.deployment(
        Replica,
        name="onnxlate",
        ray_actor_options={
            "num_cpus": args.workers * args.threads,
            "num_gpus": args.num_gpus,
        },
        max_ongoing_requests=args.max_ongoing_requests,
        max_queued_requests=args.max_queued_requests,
        autoscaling_config={
            "min_replicas": args.min_replicas,
            "max_replicas": args.max_replicas,
            "target_ongoing_requests": args.target_ongoing_requests,
            "upscale_delay_s": args.upscale_delay_s,
            "downscale_delay_s": args.downscale_delay_s,
        },
        health_check_period_s=args.health_check_period_s,
        graceful_shutdown_timeout_s=args.drain_seconds,
    ).bind(args)


class Replica:
    """Our service, with methods that Ray calls by their names in the proto.

    Ray waits for the calls under way before it ends a replica, and starts another for
    one that says it is not well.
    """

    async def __init__(self, args: RayArgs) -> None:  # type: ignore[misc]  # as Ray has it
        config = args.server_config()
        self._tokens = Tokens(config.tokens) if config.tokens else None
        glossaries = Glossaries(config.glossaries)
        self._models = Models(
            [Deployment.open(path, config, glossaries) for path in paths_of(config)]
        )
        self._hang_seconds = config.hang_seconds
        who = by_token(self._tokens) if self._tokens else by_address
        self._service = TranslationService(self._models, Calls(), Metrics(), who)
        for deployment in self._models:
            await deployment.start(config.hang_seconds)

    async def Translate(
        self, request: pb.TranslateRequest, grpc_context: Any
    ) -> pb.TranslateResponse:
        with self._answering("Translate", request, grpc_context) as context:
            response = await self._service.Translate(request, context)
        return response

    async def TranslateStream(
        self, request: pb.TranslateStreamRequest, grpc_context: Any
    ) -> AsyncGenerator[pb.TranslateStreamResponse, None]:
        with self._answering("TranslateStream", request, grpc_context) as context:
            pieces = self._service.TranslateStream(request, context)
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece

    async def TranslateBatch(
        self, requests: AsyncIterator[pb.TranslateBatchRequest], grpc_context: Any
    ) -> AsyncGenerator[pb.TranslateBatchResponse, None]:
        with self._answering("TranslateBatch", requests, grpc_context) as context:
            responses = self._service.TranslateBatch(requests, context)
            async with aclosing(responses):
                async for response in responses:
                    yield response

    async def ListModels(
        self, request: pb.ListModelsRequest, grpc_context: Any
    ) -> pb.ListModelsResponse:
        with self._answering("ListModels", request, grpc_context) as context:
            response = await self._service.ListModels(request, context)
        return response

    async def GetModel(
        self, request: pb.GetModelRequest, grpc_context: Any
    ) -> pb.Model:
        with self._answering("GetModel", request, grpc_context) as context:
            model = await self._service.GetModel(request, context)
        return model

    async def check_health(self) -> None:
        """Asked by Ray; what it raises ends the replica."""
        for deployment in self._models:
            deployment.abandon_hanging(self._hang_seconds)
            if deployment.dead:
                raise RuntimeError(f"an engine of {deployment.full_name} has died")

    async def __del__(self) -> None:
        """Called by Ray when the last call is done."""
        for deployment in getattr(self, "_models", ()):
            await deployment.stop()

    @contextmanager
    def _answering(
        self, method: str, request: object, grpc_context: Any
    ) -> Iterator[Any]:
        """As border.py does, in the way that Ray takes statuses."""
        context = _Context(grpc_context)
        try:
            if self._tokens:
                metadata = context.invocation_metadata()
                self._tokens.admit(f"/{NAME}/{method}", metadata)
            refuse_unreadable(request)
            yield context
        except Exception as error:
            code = status_of(error)
            details = details_of(error)
            if code is grpc.StatusCode.INTERNAL:
                details = failure_of_ours(error, id_of_call(context))
            grpc_context.set_code(code)
            grpc_context.set_details(details)
            # Ray logs what is raised, and an error may repeat a caller's words.
            raise Refused(code.name) from None


class Refused(Exception):
    """What Ray hears of a call that ends with a status other than OK."""


class _Context:
    """What our service asks of a call's context, from what Ray says of it."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def peer(self) -> str:
        peer: str = self._context.peer()
        return peer

    def invocation_metadata(self) -> list[tuple[str, str]]:
        metadata: list[tuple[str, str]] = self._context.invocation_metadata()
        return metadata

    def time_remaining(self) -> float | None:
        """As it was when the call left the proxy."""
        left_s = dict(self.invocation_metadata()).get(SECONDS_LEFT)
        return None if left_s is None else float(left_s)
