"""A server that says the text back in capitals, and fails when told to."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc

MODEL = pb.Model(
    name="parrot",
    version="1",
    source_language="en",
    target_language="xx",
    precision="fp32",
    digest="0123456789abcdef",
    max_source_tokens=10,
    max_target_tokens=20,
    default_options=pb.TranslateOptions(
        beam_size=4, length_penalty=1.0, format=pb.FORMAT_SENTENCE
    ),
    is_default=True,
)


class Parrot(pb_grpc.TranslationServiceServicer):
    """A word is a token; more than `max_source_tokens` are refused or cut.

    Hypothesis k of a beam is the text with k exclamation marks and score -k.
    """

    def __init__(self) -> None:
        self.requests: list[pb.TranslateRequest] = []
        self.streamed: list[pb.TranslateStreamRequest] = []
        self.refusals: list[grpc.StatusCode] = []
        """Statuses of the next calls, first one first."""
        self.pauses_s: dict[str, float] = {}
        """Seconds that a call takes in which this text stands first."""
        self.forgets_the_result = False
        self.digest = MODEL.digest
        """Of the bundle that answers."""

    def Translate(self, request: pb.TranslateRequest, context: Any) -> Any:
        self.requests.append(request)
        self._refuse(context)
        time.sleep(self.pauses_s.get(request.texts[0], 0.0))
        results = [
            self._say(text, f"texts[{index}]", request.options, context)
            for index, text in enumerate(request.texts)
        ]
        if self.forgets_the_result:
            del results[-1]
        return pb.TranslateResponse(
            results=results, model=request.model or "parrot", digest=self.digest
        )

    def TranslateStream(self, request: pb.TranslateStreamRequest, context: Any) -> Any:
        self.streamed.append(request)
        self._refuse(context)
        result = self._say(request.text, "text", request.options, context)
        words = result.hypotheses[0].text.split(" ")
        for word in words[:-1]:
            yield pb.TranslateStreamResponse(piece=word + " ")
            yield pb.TranslateStreamResponse()  # nothing became certain
            time.sleep(self.pauses_s.get(request.text, 0.0))
        yield pb.TranslateStreamResponse(
            piece=words[-1],
            result=None if self.forgets_the_result else result,
            model="parrot",
        )

    def ListModels(self, request: pb.ListModelsRequest, context: Any) -> Any:
        self._refuse(context)
        return pb.ListModelsResponse(models=[MODEL])

    def GetModel(self, request: pb.GetModelRequest, context: Any) -> Any:
        self._refuse(context)
        if request.name not in ("", MODEL.name, f"{MODEL.name}@{MODEL.version}"):
            context.abort(grpc.StatusCode.NOT_FOUND, f"no model {request.name!r}")
        return MODEL

    def _refuse(self, context: Any) -> None:
        if self.refusals:
            context.abort(self.refusals.pop(0), "not now")

    def _say(
        self, text: str, name: str, options: pb.TranslateOptions, context: Any
    ) -> pb.Result:
        words = text.split(" ")
        kept = words[: MODEL.max_source_tokens]
        dropped = len(words) - len(kept)
        if dropped and not options.truncate_source:
            message = f"{name} has {len(words)} tokens; the model reads {len(kept)}"
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
        hypotheses = [
            pb.Hypothesis(
                text=" ".join(kept).upper() + "!" * k,
                finish_reason=pb.FINISH_REASON_EOS,
                score=-float(k) if options.return_scores else None,
                num_target_tokens=len(kept),
            )
            for k in range(options.num_hypotheses or 1)
        ]
        return pb.Result(
            hypotheses=hypotheses,
            num_source_tokens=len(kept),
            num_dropped_source_tokens=dropped,
        )


@contextmanager
def serving(parrot: Parrot, address: str = "127.0.0.1:0") -> Iterator[str]:
    """The address at which the parrot answers."""
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    pb_grpc.add_TranslationServiceServicer_to_server(parrot, server)
    port = server.add_insecure_port(address)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait()
