"""SRT subtitles: sentences, each over as many lines and cues as it takes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

import srt

from onnxlate.answer import Format
from onnxlate.errors import DocumentError

from .cue_text import Piece, pieces_of, without_empty_lines
from .division import divided
from .document import Answer, Document, Rebuilt, Settings, Unit, worth_translating
from .encoding import Encoding, decoded
from .patches import Patch, patched
from .worth import Place

MAX_PAUSE = timedelta(seconds=3)
"""Longest time without text inside of a sentence."""

MAX_CUES = 5
"""Cues of one sentence; some subtitles have no full stops at all."""


def read(data: bytes, settings: Settings) -> Document:
    text, encoding = decoded(data)
    cues = _cues(text)
    return _Subtitles(text, encoding, cues, list(_sentences(cues)))


@dataclass(frozen=True, slots=True)
class _Cue:
    number: int
    """Counted from 1, whatever the file says."""
    start: timedelta
    end: timedelta
    content: tuple[int, int]
    """Where its lines stand in the file."""
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class _Sentence:
    """What is translated as one, and in which cue each piece of it stands."""

    pieces: tuple[tuple[int, Piece], ...]

    @property
    def text(self) -> str:
        return "".join(place.text for place in self.places())

    def places(self) -> list[Place]:
        """Line ends are blanks in a sentence."""
        following = [piece for _, piece in self.pieces[1:]]
        starts = [*(piece.starts_line for piece in following), False]
        longest = {
            line: max(len(piece.text) for _, piece in pieces)
            for line, pieces in groupby(self.pieces, _line)
        }
        return [
            Place(
                piece.text + " " * starts_line,
                piece.look,
                needed=len(piece.text) == longest[number, piece.line],
            )
            for (number, piece), starts_line in zip(self.pieces, starts, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Subtitles:
    text: str
    encoding: Encoding
    cues: Sequence[_Cue]
    sentences: Sequence[_Sentence]
    format: Format = Format.TEXT

    @property
    def units(self) -> list[Unit]:
        return [
            Unit(
                sentence.text,
                f"cue {sentence.pieces[0][0]}",
                aligned=len({place.look for place in sentence.places()}) > 1,
            )
            for sentence in self.sentences
        ]

    def rebuilt(self, answers: Sequence[Answer]) -> Rebuilt:
        texts: dict[Piece, str] = {}
        for sentence, answer in zip(self.sentences, answers, strict=True):
            texts.update(_laid_back(sentence, answer))
        patches = [Patch(*cue.content, self._content(cue, texts)) for cue in self.cues]
        return Rebuilt(self.encoding.encode(patched(self.text, patches)))

    def _content(self, cue: _Cue, texts: dict[Piece, str]) -> str:
        start, end = cue.content
        patches = [
            Patch(piece.start - start, piece.end - start, texts[piece])
            for piece in cue.pieces
            if piece in texts
        ]
        content = patched(self.text[start:end], patches)
        emptied = any(not patch.new for patch in patches)
        return without_empty_lines(content) if emptied else content


def _line(each: tuple[int, Piece]) -> tuple[int, int]:
    number, piece = each
    return number, piece.line


def _laid_back(sentence: _Sentence, answer: Answer) -> Iterator[tuple[Piece, str]]:
    places = sentence.places()
    source = sentence.text
    pieces = [piece for _, piece in sentence.pieces]
    if answer.text == source:
        yield from ((piece, piece.text) for piece in pieces)
        return
    texts = divided(" ".join(answer.text.splitlines()), places, answer.links)
    ends = [*(piece.starts_line for piece in pieces[1:]), True]
    for piece, text, ends_line in zip(pieces, texts, ends, strict=True):
        text = text.lstrip() if piece.starts_line else text
        yield piece, text.rstrip() if ends_line else text


def _cues(text: str) -> list[_Cue]:
    try:
        list(srt.parse(text))
    except (srt.SRTParseError, ValueError) as cause:
        raise DocumentError(f"it is not SRT: {_reason(text, cause)}") from cause
    cues: list[_Cue] = []
    for number, match in enumerate(srt.SRT_REGEX.finditer(text), 1):
        pieces = tuple(pieces_of(text, *match.span(5)))
        cues.append(
            _Cue(
                number,
                srt.srt_timestamp_to_timedelta(match[2]),
                srt.srt_timestamp_to_timedelta(match[3]),
                match.span(5),
                pieces,
            )
        )
    return cues


def _reason(text: str, cause: Exception) -> str:
    if isinstance(cause, srt.SRTParseError):
        line = text.count("\n", 0, cause.expected_start) + 1
        return f"no cue begins at line {line}"
    return str(cause)


def _sentences(cues: Sequence[_Cue]) -> Iterator[_Sentence]:
    under_way: list[tuple[_Cue, Piece]] = []
    for cue in cues:
        for piece in cue.pieces:
            if under_way and not _goes_on(under_way, cue, piece):
                yield from _sentence(under_way)
                under_way = []
            under_way.append((cue, piece))
    yield from _sentence(under_way)


def _goes_on(under_way: Sequence[tuple[_Cue, Piece]], cue: _Cue, piece: Piece) -> bool:
    last_cue, last = under_way[-1]
    if not piece.starts_line:
        return True
    return (
        not last.ends_sentence
        and not piece.starts_speech
        and cue.start - last_cue.end <= MAX_PAUSE
        and cue.number - under_way[0][0].number < MAX_CUES
    )


def _sentence(pieces: Sequence[tuple[_Cue, Piece]]) -> Iterator[_Sentence]:
    sentence = _Sentence(tuple((cue.number, piece) for cue, piece in pieces))
    if pieces and worth_translating(sentence.text):
        yield sentence
