"""A server of all options whose every answer can be worked out by hand."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from onnxlate.answer import Span
from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc
from onnxlate.wire import Ruler

LAYERS, HEADS = 2, 3

PROBABILITY = 0.75

WORD = r"[^\s.?!]+"


def model(source: str, target: str, default: bool = False) -> pb.Model:
    return pb.Model(
        name=f"{source}-{target}",
        version="1",
        source_language=source,
        target_language=target,
        default_options=pb.TranslateOptions(beam_size=2),
        is_default=default,
        is_current=True,
    )


class WordByWord(pb_grpc.TranslationServiceServicer):
    """Says each word in capitals; after a full stop or a line's end a segment ends.

    Of a beam, hypothesis k has k times "x" behind the first word it is free to say,
    unless that is "same"; one that is banned is "OTHER".
    Word k of the translation stands for word k of the source, and looks at nothing
    else. A word "loop" is warned of.
    """

    def __init__(self, *models: pb.Model) -> None:
        self.models = models or (model("en", "de", default=True),)
        self.refuses: set[str] = set()
        """Names of options that it will have nothing to do with."""
        self.errors: list[tuple[grpc.StatusCode, str]] = []
        """Of the next calls that translate, first one first."""
        self.pause_s = 0.0
        """Before each word of a stream."""
        self.answer_pause_s = 0.0
        """Before an answer that is none."""
        self.requests: list[Any] = []
        """Of calls that translate."""
        self.cancelled = 0
        """Calls that were hung up on meanwhile."""

    def Translate(self, request: pb.TranslateRequest, context: Any) -> Any:
        self._admit(request, context)
        self._paused(context, self.answer_pause_s)
        return pb.TranslateResponse(
            results=[result(text, request.options) for text in request.texts],
            model=request.model.partition("@")[0] or self.models[0].name,
            version="1",
        )

    def TranslateStream(self, request: pb.TranslateStreamRequest, context: Any) -> Any:
        self._admit(request, context)
        whole = result(request.text, request.options)
        pieces = re.findall(r"\s*\S*", whole.hypotheses[0].text)
        for piece in pieces:
            if not self._paused(context, self.pause_s):
                return
            yield pb.TranslateStreamResponse(piece=piece)
        yield pb.TranslateStreamResponse(
            result=whole,
            model=request.model.partition("@")[0] or self.models[0].name,
            version="1",
        )

    def ListModels(self, request: pb.ListModelsRequest, context: Any) -> Any:
        return pb.ListModelsResponse(models=self.models)

    def _paused(self, context: Any, seconds: float) -> bool:
        """Whether anybody still waits after that time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not context.is_active():
                self.cancelled += 1
                return False
            time.sleep(0.01)
        return True

    def _admit(self, request: Any, context: Any) -> None:
        self.requests.append(request)
        if self.errors:
            context.abort(*self.errors.pop(0))
        given = {field.name for field, _ in request.options.ListFields()}
        for name in sorted(given & self.refuses):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{name} is refused")


def result(text: str, options: pb.TranslateOptions) -> pb.Result:
    texts = [_said(text, k, options) for k in range(options.num_hypotheses or 1)]
    best, source = texts[0], Ruler(text)
    made = pb.Result(num_source_tokens=len(text.split()))
    for each in texts:
        hypothesis = made.hypotheses.add(
            text=each, finish_reason=pb.FINISH_REASON_EOS, num_target_tokens=1
        )
        if options.return_alignment:
            hypothesis.alignment.extend(_links(text, each))
        if options.return_attention:
            hypothesis.attention.append(_attention(text.split(), each.split()))
    if options.format != pb.FORMAT_SENTENCE:
        made.segments.extend(_segments(text, best))
    for match in re.finditer(r"\bloop\b", text):
        span = Span(*match.span())
        made.warnings.add(
            kind=pb.AnswerWarning.KIND_REPETITION,
            details="it says the same again and again",
            source=source.span(span),
            target=Ruler(best).span(span),
        )
    return made


def _said(text: str, k: int, options: pb.TranslateOptions) -> str:
    """With what it must begin with in place of as many words."""
    prefix = options.target_prefix
    taken = len(prefix.split())
    at = 0

    def say(match: re.Match[str]) -> str:
        nonlocal at
        at += 1
        word = match[0].upper()
        if at != taken + 1:
            return word
        if word in options.banned_phrases:
            word = "OTHER"
        return word if word == "SAME" else word + "x" * k

    said = re.sub(WORD, say, text)
    if not taken:
        return said
    words = list(re.finditer(WORD, said))
    return prefix + said[words[min(taken, at) - 1].end() :]


def _links(text: str, target: str) -> Iterator[pb.AlignmentLink]:
    words = zip(re.finditer(WORD, text), re.finditer(WORD, target), strict=False)
    for here, there in words:
        yield pb.AlignmentLink(
            source=Ruler(text).span(Span(*here.span())),
            target=Ruler(target).span(Span(*there.span())),
            probability=PROBABILITY,
        )


def _attention(source: list[str], target: list[str]) -> pb.Attention:
    weights = [
        float(row == column)
        for _ in range(LAYERS * HEADS)
        for row in range(len(target))
        for column in range(len(source))
    ]
    return pb.Attention(
        source_pieces=[f"▁{word}" for word in source],
        target_pieces=[f"▁{word}" for word in target],
        num_layers=LAYERS,
        num_heads=HEADS,
        weights=weights,
    )


def _segments(text: str, target: str) -> Iterator[pb.Segment]:
    """Sentences, and the white space between them; both texts are cut alike."""
    sentence = r"[^\s.?!][^.?!\n]*[.?!]?|\s+|[.?!]"
    pairs = zip(re.finditer(sentence, text), re.finditer(sentence, target), strict=True)
    for here, there in pairs:
        yield pb.Segment(
            source=Ruler(text).span(Span(*here.span())),
            target=Ruler(target).span(Span(*there.span())),
            translated=not here[0].isspace(),
            finish_reason=pb.FINISH_REASON_EOS,
        )


@contextmanager
def answering(servicer: WordByWord, address: str) -> Iterator[None]:
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    pb_grpc.add_TranslationServiceServicer_to_server(servicer, server)
    server.add_insecure_port(address)
    server.start()
    try:
        yield
    finally:
        server.stop(grace=None).wait()
