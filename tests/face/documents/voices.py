"""Who answers for a translator: one who repeats, one who shouts."""

import re
from collections.abc import Callable
from typing import Any

import grpc

from onnxlate.documents import Answer, Settings, open_document
from onnxlate.v1 import translation_pb2 as pb
from tests.face.parrot import MODEL, Parrot


def echo(text: str) -> str:
    return text


def shout(text: str) -> str:
    """Louder, and longer; what stands in braces or behind % stays."""
    return re.sub(r"(%\w|\{\w*\})|(\w+)", lambda m: m[1] or m[2].upper() + "X", text)


def answered(
    name: str,
    data: bytes,
    say: Callable[[str], str] = echo,
    settings: Settings | None = None,
) -> bytes:
    """The file after everything in it was said."""
    document = open_document(name, data, settings or Settings())
    return document.rebuilt([Answer(say(unit.text)) for unit in document.units]).data


class Voice(Parrot):
    """A server that says what `say` makes of a text, however long it is."""

    def __init__(self, say: Callable[[str], str] = echo, model: str = "parrot") -> None:
        super().__init__()
        self.say = say
        self.refused: set[str] = set()
        self.aligns = True
        self.model = pb.Model()
        self.model.CopyFrom(MODEL)
        self.model.digest = f"digest of {model}"

    @property
    def texts(self) -> list[str]:
        return [text for request in self.requests for text in request.texts]

    def GetModel(self, request: pb.GetModelRequest, context: Any) -> pb.Model:
        return self.model

    def _say(
        self, text: str, name: str, options: pb.TranslateOptions, context: Any
    ) -> pb.Result:
        if text in self.refused:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{name} is too long")
        if options.return_alignment and not self.aligns:
            message = "this model cannot tell where it looked"
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
        said = self.say(text)
        links = _same_letters(text, said) if options.return_alignment else []
        result = pb.Result(hypotheses=[pb.Hypothesis(text=said, alignment=links)])
        if "dubious" in text:
            at = text.index("dubious")
            span = pb.Span(start=at, end=at + 7, start_byte=at, end_byte=at + 7)
            result.warnings.add(
                kind=pb.AnswerWarning.KIND_UNSURE, details="hm", source=span
            )
        return result


def backwards(text: str) -> str:
    """The words, in capitals, the last one first."""
    return " ".join(text.upper().split()[::-1])


def _same_letters(source: str, target: str) -> list[pb.AlignmentLink]:
    """From each word to the one that has its letters."""
    words = {m[0]: m.span() for m in re.finditer(r"\w+", target.lower())}
    return [
        pb.AlignmentLink(
            source=pb.Span(start=m.start(), end=m.end()),
            target=pb.Span(start=words[m[0]][0], end=words[m[0]][1]),
            probability=0.9,
        )
        for m in re.finditer(r"\w+", source.lower())
        if m[0] in words
    ]
