"""CTranslate2 behind our proto: what somebody would write who serves it with gRPC.

    python -m benchmarks.ctranslate2_server SETTINGS

Batches are dynamic: what arrives while the translator is busy, or within a moment of
the first, goes into the next call together. CTranslate2 decodes a batch to its end, so
nobody can join one under way.
"""

import asyncio
import signal
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import ctranslate2
import grpc
from grpc.aio import ServicerContext

from onnxlate.text import Tokenizer
from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc

from .ctranslate2_engine import open_translator, vocabularies
from .settings import CTranslate2ServerSettings

DEFAULT_MAX_TARGET_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Search:
    """What a whole batch must have in common."""

    beam_size: int
    max_target_tokens: int


@dataclass(eq=False, slots=True)
class Waiting:
    source: list[str]
    search: Search
    answer: "asyncio.Future[list[str]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Batcher:
    """Collects sentences and has them translated, so many batches at a time."""

    def __init__(
        self, translator: ctranslate2.Translator, settings: CTranslate2ServerSettings
    ) -> None:
        self._translator = translator
        self._settings = settings
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue(settings.max_waiting)
        self._free = asyncio.Semaphore(settings.translator.inter_threads)
        self._under_way: set[asyncio.Task[None]] = set()

    async def translate(
        self, sources: Sequence[list[str]], search: Search
    ) -> list[list[str]]:
        """Raises asyncio.QueueFull."""
        waiting = [Waiting(source, search) for source in sources]
        try:
            for each in waiting:
                self._queue.put_nowait(each)
            return [await each.answer for each in waiting]
        finally:
            for each in waiting:
                each.answer.cancel()  # does nothing to what is done

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            batch = [await self._queue.get()]
            await asyncio.sleep(self._settings.wait_seconds)
            await self._free.acquire()
            while len(batch) < self._settings.max_batch_size and self._queue.qsize():
                batch.append(self._queue.get_nowait())
            task = asyncio.create_task(self._translate(batch))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _translate(self, batch: Sequence[Waiting]) -> None:
        try:
            groups: dict[Search, list[Waiting]] = defaultdict(list)
            for each in batch:
                if not each.answer.cancelled():
                    groups[each.search].append(each)
            for search, group in groups.items():
                sources = [each.source for each in group]
                results = await asyncio.to_thread(self._call, sources, search)
                for each, result in zip(group, results, strict=True):
                    if not each.answer.done():
                        each.answer.set_result(result)
        finally:
            self._free.release()

    def _call(self, sources: list[list[str]], search: Search) -> list[list[str]]:
        results: list[Any] = self._translator.translate_batch(
            sources,
            beam_size=search.beam_size,
            length_penalty=1.0,
            max_decoding_length=search.max_target_tokens,
            min_decoding_length=0,  # else an empty target would be impossible
        )
        return [result.hypotheses[0] for result in results]


class TranslationService(pb_grpc.TranslationServiceServicer):
    """Translate, and nothing else."""

    def __init__(self, batcher: Batcher, settings: CTranslate2ServerSettings) -> None:
        self._batcher = batcher
        self._source_tokenizer = Tokenizer(settings.source_tokenizer)
        self._target_tokenizer = Tokenizer(settings.target_tokenizer)
        self._source, target = vocabularies(settings.translator.model)
        self._target_ids = {token: at for at, token in enumerate(target)}

    async def Translate(
        self,
        request: pb.TranslateRequest,
        context: ServicerContext[pb.TranslateRequest, pb.TranslateResponse],
    ) -> pb.TranslateResponse:
        search = Search(
            request.options.beam_size or 1,
            request.options.max_target_tokens or DEFAULT_MAX_TARGET_TOKENS,
        )
        sources = [
            [self._source[i] for i in self._source_tokenizer.encode(text)]
            for text in request.texts
        ]
        try:
            targets = await self._batcher.translate(sources, search)
        except asyncio.QueueFull:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too much waits")
        return pb.TranslateResponse(
            results=[
                self._result(source, target, search)
                for source, target in zip(sources, targets, strict=True)
            ]
        )

    def _result(
        self, source: list[str], target: list[str], search: Search
    ) -> pb.Result:
        cut = len(target) >= search.max_target_tokens
        hypothesis = pb.Hypothesis(
            text=self._target_tokenizer.decode([self._target_ids[t] for t in target]),
            finish_reason=pb.FINISH_REASON_LENGTH if cut else pb.FINISH_REASON_EOS,
            num_target_tokens=len(target) + (not cut),
        )
        return pb.Result(hypotheses=[hypothesis], num_source_tokens=len(source))


async def serve(settings: CTranslate2ServerSettings) -> None:
    """Until SIGTERM; says "ready HOST:PORT" when it is."""
    batcher = Batcher(open_translator(settings.translator), settings)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    service = TranslationService(batcher, settings)
    pb_grpc.add_TranslationServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    working = asyncio.create_task(batcher.run())
    await server.start()
    print(f"ready 127.0.0.1:{port}", flush=True)
    await stopping.wait()
    working.cancel()
    await server.stop(grace=None)


if __name__ == "__main__":
    asyncio.run(serve(CTranslate2ServerSettings.model_validate_json(sys.argv[1])))
