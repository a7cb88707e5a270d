"""onnxlate.v1.TranslationService: converts, calls, converts.

Its errors become statuses in border.py.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from grpc.aio import ServicerContext

from onnxlate.finish import FinishReason
from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc

from .caller import Who
from .calls import Calls
from .deployment import Deployment
from .metrics import Metrics
from .models import Models
from .options import TranslateOptions
from .translation import TranslatedHypothesis, Translation

NAME = "onnxlate.v1.TranslationService"

FINISH_REASONS: dict[FinishReason, pb.FinishReason] = {
    FinishReason.EOS: pb.FINISH_REASON_EOS,
    FinishReason.LENGTH: pb.FINISH_REASON_LENGTH,
}


class TranslationService(pb_grpc.TranslationServiceServicer):
    """Each method says in the proto what it does and what it answers."""

    def __init__(
        self,
        models: Models,
        calls: Calls,
        metrics: Metrics,
        who: Who,
    ) -> None:
        """`who` tells who makes a call."""
        self._models = models
        self._calls = calls
        self._metrics = metrics
        self._who = who

    async def Translate(
        self,
        request: pb.TranslateRequest,
        context: ServicerContext[pb.TranslateRequest, pb.TranslateResponse],
    ) -> pb.TranslateResponse:
        with self._calls.one():
            deployment = self._models.find(request.model)
            with deployment.calls.one():
                translations = await deployment.translator.translate(
                    request.texts, options_of(request.options), self._who(context)
                )
            self._metrics.answered(deployment, translations)
            return pb.TranslateResponse(
                results=map(result, translations),
                model=deployment.manifest.name,
                version=deployment.manifest.version,
            )

    async def TranslateStream(
        self,
        request: pb.TranslateStreamRequest,
        context: ServicerContext[pb.TranslateStreamRequest, pb.TranslateStreamResponse],
    ) -> AsyncGenerator[pb.TranslateStreamResponse, None]:
        with self._calls.one():
            deployment = self._models.find(request.model)
            pieces = deployment.translator.stream(
                request.text, options_of(request.options), self._who(context)
            )
            # A client that hangs up cancels us in here. Closing the generator, now
            # and not when it is collected, is how the engine hears of it.
            with deployment.calls.one():
                async with aclosing(pieces):
                    async for piece in pieces:
                        response = pb.TranslateStreamResponse(piece=piece.text)
                        if piece.translation:
                            response.result.CopyFrom(result(piece.translation))
                            response.model = deployment.manifest.name
                            response.version = deployment.manifest.version
                            self._metrics.answered(deployment, [piece.translation])
                        yield response

    async def ListModels(
        self,
        request: pb.ListModelsRequest,
        context: ServicerContext[pb.ListModelsRequest, pb.ListModelsResponse],
    ) -> pb.ListModelsResponse:
        models = self._models
        return pb.ListModelsResponse(models=[described(m, models) for m in models])

    async def GetModel(
        self,
        request: pb.GetModelRequest,
        context: ServicerContext[pb.GetModelRequest, pb.Model],
    ) -> pb.Model:
        return described(self._models.find(request.name), self._models)


def options_of(options: pb.TranslateOptions) -> TranslateOptions:
    """Fields the client left out stay unsaid."""
    given: dict[str, Any] = {field.name: value for field, value in options.ListFields()}
    return TranslateOptions(**given)


def result(translation: Translation) -> pb.Result:
    return pb.Result(
        hypotheses=map(hypothesis, translation.hypotheses),
        num_source_tokens=translation.num_source_tokens,
        num_dropped_source_tokens=translation.num_dropped_source_tokens,
    )


def hypothesis(translated: TranslatedHypothesis) -> pb.Hypothesis:
    return pb.Hypothesis(
        text=translated.text,
        finish_reason=FINISH_REASONS[translated.finish_reason],
        score=translated.score,
        num_target_tokens=translated.num_target_tokens,
    )


def described(deployment: Deployment, models: Models) -> pb.Model:
    """What clients are told of one version of a model."""
    manifest = deployment.manifest
    return pb.Model(
        name=manifest.name,
        version=manifest.version,
        source_language=manifest.source_language,
        target_language=manifest.target_language,
        precision=manifest.precision,
        digest=manifest.digest(),
        max_source_tokens=manifest.limits.max_source_tokens,
        max_target_tokens=manifest.limits.max_target_tokens,
        # No max_target_tokens: what it is by default depends on the source.
        default_options=pb.TranslateOptions(
            beam_size=manifest.defaults.beam_size,
            num_hypotheses=1,
            length_penalty=manifest.defaults.length_penalty,
            return_scores=False,
            truncate_source=False,
        ),
        is_default=models.is_default(deployment),
        is_current=models.is_current(deployment),
    )
