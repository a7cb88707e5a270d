"""inference.GRPCInferenceService: translations for clients of KServe and Triton.

The Open Inference Protocol, version 2, with Triton's streams, configurations and
statistics: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Iterable,
)
from contextlib import aclosing
from typing import Any

import grpc
from grpc.aio import ServicerContext

from onnxlate import __version__
from onnxlate.errors import InvalidRequest, ModelNotFound

from . import kserve_pb2 as pb
from . import kserve_pb2_grpc as pb_grpc
from .call_log import failure_of_ours, id_of_call
from .caller import Who
from .calls import Calls
from .deployment import Deployment
from .kserve_options import STREAM, Parameters, parameters_of
from .kserve_outputs import add_outputs
from .metrics import Metrics
from .models import Models
from .statuses import status_of
from .tensors import OUTPUTS, TEXT, TRANSLATION, add_bytes, texts_of, wanted_outputs
from .unreadable import Unreadable

NAME = "inference.GRPCInferenceService"

PLATFORM = "onnxlate"

FINAL = "triton_final_response"


class InferenceService(pb_grpc.GRPCInferenceServiceServicer):
    """One input of texts, and their translations, scores and finish reasons."""

    def __init__(
        self,
        models: Models,
        calls: Calls,
        metrics: Metrics,
        who: Who,
        ready: Callable[[], bool],
    ) -> None:
        """`who` tells who makes a call, `ready` whether the server serves."""
        self._models = models
        self._calls = calls
        self._metrics = metrics
        self._who = who
        self._ready = ready

    async def ServerLive(self, request: Any, context: Any) -> pb.ServerLiveResponse:
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: Any) -> pb.ServerReadyResponse:
        return pb.ServerReadyResponse(ready=self._ready())

    async def ModelReady(
        self, request: pb.ModelReadyRequest, context: Any
    ) -> pb.ModelReadyResponse:
        try:
            self._find(request.name, request.version)
        except ModelNotFound:
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=self._ready())

    async def ServerMetadata(
        self, request: Any, context: Any
    ) -> pb.ServerMetadataResponse:
        extensions = ["model_configuration", "model_repository", "statistics"]
        return pb.ServerMetadataResponse(
            name=PLATFORM, version=__version__, extensions=extensions
        )

    async def ModelMetadata(
        self, request: pb.ModelMetadataRequest, context: Any
    ) -> pb.ModelMetadataResponse:
        found = self._find(request.name, request.version)
        name = found.manifest.name
        tensor = pb.ModelMetadataResponse.TensorMetadata
        return pb.ModelMetadataResponse(
            name=name,
            versions=[
                each.manifest.version
                for each in self._models
                if each.manifest.name == name
            ],
            platform=PLATFORM,
            inputs=[tensor(name=TEXT, datatype="BYTES", shape=[-1])],
            outputs=[
                tensor(name=output, datatype=datatype, shape=[-1])
                for output, datatype in OUTPUTS.items()
            ],
        )

    async def ModelConfig(
        self, request: pb.ModelConfigRequest, context: Any
    ) -> pb.ModelConfigResponse:
        found = self._find(request.name, request.version)
        types = {"BYTES": pb.TYPE_STRING, "FP32": pb.TYPE_FP32}
        config = pb.ModelConfig(
            name=found.manifest.name,
            platform=PLATFORM,
            backend=PLATFORM,
            # Batches are formed here, of whatever comes.
            max_batch_size=0,
            input=[pb.ModelInput(name=TEXT, data_type=pb.TYPE_STRING, dims=[-1])],
            output=[
                pb.ModelOutput(name=output, data_type=types[datatype], dims=[-1])
                for output, datatype in OUTPUTS.items()
            ],
        )
        return pb.ModelConfigResponse(config=config)

    async def ModelStatistics(
        self, request: pb.ModelStatisticsRequest, context: Any
    ) -> pb.ModelStatisticsResponse:
        found: Iterable[Deployment] = self._models
        if request.name:
            found = [self._find(request.name, request.version)]
        return pb.ModelStatisticsResponse(model_stats=map(self._statistics, found))

    async def RepositoryIndex(
        self, request: Any, context: Any
    ) -> pb.RepositoryIndexResponse:
        response = pb.RepositoryIndexResponse()
        for each in self._models:
            name, version = each.manifest.name, each.manifest.version
            response.models.add(name=name, version=version, state="READY")
        return response

    async def ModelInfer(
        self,
        request: pb.ModelInferRequest,
        context: ServicerContext[pb.ModelInferRequest, pb.ModelInferResponse],
    ) -> pb.ModelInferResponse:
        with self._calls.one():
            return await self._infer(request, parameters_of(request), context)

    async def ModelStreamInfer(
        self,
        requests: AsyncIterator[pb.ModelInferRequest | Unreadable],
        context: ServicerContext[pb.ModelInferRequest, pb.ModelStreamInferResponse],
    ) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        """One request after the other; what is wrong with one ends no stream."""
        async for request in requests:
            if isinstance(request, Unreadable):
                yield pb.ModelStreamInferResponse(error_message="unreadable request")
                continue
            try:
                with self._calls.one():
                    async with aclosing(self._answers(request, context)) as answers:
                        async for answer in answers:
                            yield pb.ModelStreamInferResponse(infer_response=answer)
            except Exception as error:
                status = status_of(error)
                self._metrics.failed(f"/{NAME}/ModelStreamInfer", status)
                internal = status is grpc.StatusCode.INTERNAL
                words = str(error)
                if internal:
                    words = failure_of_ours(error, id_of_call(context))
                yield _failure(request, words)

    async def _answers(
        self, request: pb.ModelInferRequest, context: ServicerContext[Any, Any]
    ) -> AsyncGenerator[pb.ModelInferResponse, None]:
        """One, or with the parameter "stream" one for each piece."""
        parameters = parameters_of(request)
        if not parameters.stream:
            response = await self._infer(request, parameters, context)
            response.parameters[FINAL].bool_param = True
            yield response
            return
        deployment = self._find(request.model_name, request.model_version)
        texts, shape = texts_of(request)
        if len(texts) != 1:
            raise InvalidRequest(f'"{STREAM}" is for one text; there are {len(texts)}')
        outputs = wanted_outputs(request)
        options = deployment.in_effect(parameters.options(outputs))
        streaming = deployment.streaming(texts[0], options, self._who(context))
        async with streaming as pieces:
            async for piece in pieces:
                response = _response(request, deployment)
                add_bytes(response, TRANSLATION, [piece.text], shape)
                if piece.translation:
                    self._metrics.answered(deployment, [piece.translation])
                    rest = [each for each in outputs if each != TRANSLATION]
                    told = [piece.translation]
                    await add_outputs(response, rest, texts, told, shape)
                response.parameters[FINAL].bool_param = bool(piece.translation)
                yield response

    async def _infer(
        self,
        request: pb.ModelInferRequest,
        parameters: Parameters,
        context: ServicerContext[Any, Any],
    ) -> pb.ModelInferResponse:
        deployment = self._find(request.model_name, request.model_version)
        texts, shape = texts_of(request)
        outputs = wanted_outputs(request)
        options = deployment.in_effect(parameters.options(outputs))
        translations = await deployment.translate(texts, options, self._who(context))
        self._metrics.answered(deployment, translations)
        response = _response(request, deployment)
        several = options.num_hypotheses or 1
        await add_outputs(response, outputs, texts, translations, shape, several)
        return response

    def _find(self, name: str, version: str) -> Deployment:
        return self._models.find(f"{name}@{version}" if version else name)

    def _statistics(self, deployment: Deployment) -> pb.ModelStatistics:
        texts = self._metrics.num_texts(deployment)
        success = pb.StatisticDuration(count=texts)
        return pb.ModelStatistics(
            name=deployment.manifest.name,
            version=deployment.manifest.version,
            inference_count=texts,
            execution_count=sum(each.state().steps for each in deployment.engines),
            inference_stats=pb.InferStatistics(success=success),
        )


def _response(
    request: pb.ModelInferRequest, deployment: Deployment
) -> pb.ModelInferResponse:
    manifest = deployment.manifest
    return pb.ModelInferResponse(
        model_name=manifest.name, model_version=manifest.version, id=request.id
    )


def _failure(request: pb.ModelInferRequest, text: str) -> pb.ModelStreamInferResponse:
    return pb.ModelStreamInferResponse(
        error_message=text, infer_response=pb.ModelInferResponse(id=request.id)
    )
