"""onnxlate.v1.TranslationService: converts, calls, converts.

Its errors become statuses in border.py.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import grpc
from grpc.aio import ServicerContext

from onnxlate import wire
from onnxlate.errors import Unavailable
from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc
from onnxlate.wire import Ruler

from .asked import Asking, options_message
from .beside import done
from .border import details_of
from .bulk import Bulk
from .call_log import failure_of_ours, id_of_call
from .caller import Caller, Who
from .calls import Calls
from .deployment import Deployment
from .metrics import Metrics
from .models import Models
from .options import TranslateOptions
from .patience import patiently
from .statuses import status_of
from .translation import TranslatedHypothesis, Translation
from .unreadable import refuse_unreadable

NAME = "onnxlate.v1.TranslationService"

FEW_SEGMENTS = 256
"""That are turned into messages in a few milliseconds."""


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
        self._asking = Asking()

    async def Translate(
        self,
        request: pb.TranslateRequest,
        context: ServicerContext[pb.TranslateRequest, pb.TranslateResponse],
    ) -> pb.TranslateResponse:
        with self._calls.one():
            deployment = self._models.find(request.model)
            asked = self._asking.of(deployment, request.options)
            caller = self._who(context)
            texts = list(request.texts)  # which a message makes anew each time
            translations = await deployment.translate(texts, asked.options, caller)
            self._metrics.answered(deployment, translations)
            response = pb.TranslateResponse(
                model=deployment.manifest.name,
                version=deployment.manifest.version,
                digest=deployment.digest,
                options=asked.message,
            )
            await write_all(response, translations, texts)
            return response

    async def TranslateStream(
        self,
        request: pb.TranslateStreamRequest,
        context: ServicerContext[pb.TranslateStreamRequest, pb.TranslateStreamResponse],
    ) -> AsyncGenerator[pb.TranslateStreamResponse, None]:
        with self._calls.one():
            deployment = self._models.find(request.model)
            asked = self._asking.of(deployment, request.options)
            caller = self._who(context)
            streaming = deployment.streaming(request.text, asked.options, caller)
            async with streaming as pieces:
                async for piece in pieces:
                    response = pb.TranslateStreamResponse(piece=piece.text)
                    if piece.translation:
                        response.result.CopyFrom(
                            result(piece.translation, request.text)
                        )
                        response.model = deployment.manifest.name
                        response.version = deployment.manifest.version
                        response.digest = deployment.digest
                        response.options.CopyFrom(asked.message)
                        self._metrics.answered(deployment, [piece.translation])
                    yield response

    async def TranslateBatch(
        self,
        requests: AsyncIterator[pb.TranslateBatchRequest],
        context: ServicerContext[pb.TranslateBatchRequest, pb.TranslateBatchResponse],
    ) -> AsyncGenerator[pb.TranslateBatchResponse, None]:
        with self._calls.one():
            try:
                first = await anext(requests)
            except StopAsyncIteration:
                return
            refuse_unreadable(first)
            deployment = self._models.find(first.model)
            # Asked while the call is there: texts may be at work when it is not.
            caller, request_id = self._who(context), id_of_call(context)
            began = time.monotonic()

            def by_now() -> Caller:
                return caller.later(time.monotonic() - began)

            async def answer(entry: Entry) -> pb.TranslateBatchResponse:
                return await self._answer(deployment, entry, by_now, request_id)

            bulk = Bulk(answer, self._calls.closing)
            with deployment.calls.one():
                entries = entries_of(first, requests)
                async with aclosing(bulk.responses(entries)) as responses:
                    async for response in responses:
                        yield response

    async def _answer(
        self,
        deployment: Deployment,
        entry: "Entry",
        caller: Callable[[], Caller],
        request_id: str,
    ) -> pb.TranslateBatchResponse:
        """One text's answer, or why there is none; raises Unavailable alone."""
        response = pb.TranslateBatchResponse(
            id=entry.id,
            model=deployment.manifest.name,
            version=deployment.manifest.version,
            digest=deployment.digest,
        )
        try:
            asked = self._asking.of(deployment, entry.options)
            response.options.CopyFrom(asked.message)
            translation = await patiently(
                lambda: deployment.translator.translate(
                    [entry.text], asked.options, caller()
                )
            )
        except Unavailable:
            raise
        except Exception as error:
            response.failure.CopyFrom(failure(error, request_id))
            return response
        self._metrics.answered(deployment, translation)
        response.result.CopyFrom(result(translation[0], entry.text))
        return response

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


@dataclass(frozen=True, slots=True)
class Entry:
    """One text of a batch call."""

    id: int
    text: str
    options: pb.TranslateOptions


async def entries_of(
    first: pb.TranslateBatchRequest, others: AsyncIterator[pb.TranslateBatchRequest]
) -> AsyncGenerator[Entry, None]:
    """Texts with the options that were given last."""
    options = first.options
    yield Entry(first.id, first.text, options)
    async for request in others:
        refuse_unreadable(request)
        if request.HasField("options"):
            options = request.options
        yield Entry(request.id, request.text, options)


def failure(error: Exception, request_id: str) -> pb.Failure:
    code = status_of(error)
    number: int = code.value[0]
    if code is grpc.StatusCode.INTERNAL:
        return pb.Failure(code=number, message=failure_of_ours(error, request_id))
    return pb.Failure(code=number, message=details_of(error))


async def write_all(
    response: pb.TranslateResponse,
    translations: Sequence[Translation],
    texts: Sequence[str],
) -> None:
    """Of the texts; those with many sentences are turned beside the event loop."""

    def turned() -> None:
        for translation, text in zip(translations, texts, strict=True):
            write(response.results.add(), translation, text)

    num_segments = sum(len(each.segments) for each in translations)
    await done(turned, num_segments, FEW_SEGMENTS)


def result(translation: Translation, text: str) -> pb.Result:
    """`text` is what was translated."""
    made = pb.Result()
    write(made, translation, text)
    return made


def write(result: pb.Result, translation: Translation, text: str) -> None:
    """Into an empty message, where it stays: to put one message into another is to
    copy all that is in it. What there is none of is not even looked at."""
    source = Ruler(text)
    target = Ruler(translation.hypotheses[0].text)
    result.num_source_tokens = translation.num_source_tokens
    if translation.num_dropped_source_tokens:
        result.num_dropped_source_tokens = translation.num_dropped_source_tokens
    for hypothesis in translation.hypotheses:
        write_hypothesis(result.hypotheses.add(), hypothesis, source)
    if segments := translation.segments:
        result.segments.extend(wire.segment_to(s, source, target) for s in segments)
    for item in translation.protected_items:
        result.protected_items.append(wire.item_to(item, source, target))
    for term in translation.terms:
        result.terms.append(wire.term_to(term, source, target))
    for warning in translation.warnings:
        result.warnings.add(**wire.warning_to(warning, source, target))


def write_hypothesis(
    hypothesis: pb.Hypothesis, translated: TranslatedHypothesis, source: Ruler
) -> None:
    hypothesis.text = translated.text
    hypothesis.finish_reason = wire.FINISH_REASONS[translated.finish_reason]
    hypothesis.num_target_tokens = translated.num_target_tokens
    if translated.score is not None:
        hypothesis.score = translated.score
    if not (translated.tokens or translated.alignment or translated.attention):
        return
    target = Ruler(translated.text)
    hypothesis.tokens.extend(wire.token_to(each, target) for each in translated.tokens)
    hypothesis.alignment.extend(
        wire.link_to(each, source, target) for each in translated.alignment
    )
    hypothesis.attention.extend(map(wire.attention_to, translated.attention))


def described(deployment: Deployment, models: Models) -> pb.Model:
    """What clients are told of one version of a model."""
    manifest = deployment.manifest
    return pb.Model(
        name=manifest.name,
        version=manifest.version,
        source_language=manifest.source_language,
        target_language=manifest.target_language,
        precision=manifest.precision,
        digest=deployment.digest,
        max_source_tokens=manifest.limits.max_source_tokens,
        max_target_tokens=manifest.limits.max_target_tokens,
        # No max_target_tokens: what it is by default depends on the source.
        default_options=options_message(deployment.in_effect(TranslateOptions())),
        is_default=models.is_default(deployment),
        is_current=models.is_current(deployment),
    )
