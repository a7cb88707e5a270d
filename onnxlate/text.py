"""Text to token ids and back, with SentencePiece; nothing here knows a model.

Special ids are the same in every model of ours: padding 0, unknown 1, beginning 2,
end 3. Manifests state them all the same, so that other programs need not guess.
"""

import string
from collections.abc import Sequence
from copy import copy
from functools import cached_property
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_pb2

from .answer import Span
from .errors import BundleError
from .spelling import SPACE, Spelling

PAD_ID, UNK_ID, BOS_ID, EOS_ID = 0, 1, 2, 3

SILENT = frozenset((PAD_ID, BOS_ID, EOS_ID))

VISIBLE_ASCII = string.punctuation + string.digits + string.ascii_letters

_REPLACEMENT = "\ufffd"


class Tokenizer:
    """One SentencePiece model: the source's, the target's, or both at once."""

    def __init__(self, path: Path, prefix: Sequence[int] = ()) -> None:
        """`prefix` are ids that stand before every text that is read.

        Raises BundleError if `path` is not a SentencePiece model.
        """
        self._prefix = list(prefix)
        try:
            self._model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        except (OSError, RuntimeError) as cause:
            raise BundleError(
                f"{path} is not a readable SentencePiece model"
            ) from cause
        self._spelling = Spelling(self._model)

    def without_prefix(self) -> "Tokenizer":
        """The same model, which has megabytes, once more."""
        other = copy(self)
        other._prefix = []
        return other

    def __len__(self) -> int:
        """Number of ids, special ones included."""
        return int(self._model.vocab_size())

    def encode(self, text: str) -> list[int]:
        """Ids of the text with the end-of-sentence id behind; [] for blank text."""
        return self._framed(self._model.encode(_clean(text)))

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids; special ids are silent, unknown ones become U+2047."""
        words = _words(ids)
        text = self._spelling.text(words)
        return str(self._model.decode(words)) if text is None else text

    def encode_with_spans(self, text: str) -> tuple[list[int], list[Span]]:
        """`encode`, and which part of the text each id stands for; the end's is empty.

        Parts are of the text as given, whatever normalising made of it. Ids that
        share one character, such as its bytes, stand for all of it.
        """
        cleaned = _clean(text)
        read = self._model.encode(cleaned, out_type="serialized_proto")
        ids, spans = _read(read, cleaned)
        if not ids:
            return [], []
        before = [Span(0, 0)] * len(self._prefix)
        return self._framed(ids), [*before, *spans, Span(len(text), len(text))]

    def decode_with_spans(self, ids: Sequence[int]) -> tuple[str, list[Span]]:
        """`decode`, and for each id which part of that text it stands for.

        Special ids stand for nothing, between the others. The end of one part is the
        start of the next, but for those that share a character.
        """
        words = _words(ids)
        text = self.decode(words)
        said = self._model.decode(words, out_type="serialized_proto") if words else b""
        _, spans = _read(said, text)
        follow, end, found = iter(spans), 0, []
        for each in ids:
            if each in SILENT:
                found.append(Span(end, end))
            else:
                found.append(next(follow))
                end = found[-1].end
        return text, found

    def _framed(self, ids: Sequence[int]) -> list[int]:
        return [*self._prefix, *ids, EOS_ID] if ids else []

    def is_special(self, token_id: int) -> bool:
        """Whether the id stands for no text of its own, as padding and the end do."""
        return bool(self._model.is_control(token_id))

    def characters(self) -> frozenset[str]:
        """Those that have a token of their own; the model has seen them in training."""
        model = self._model
        ids = (i for i in range(len(self)) if not model.is_byte(i))
        return frozenset(piece for i in ids if len(piece := self.piece(i)) == 1)

    def knows(self, text: str) -> bool:
        """Whether no part of it is an unknown token, or bytes for want of a better."""
        model = self._model
        ids = model.encode(_clean(text))
        unknown = model.is_unknown if self.spells_in_bytes else self._is_makeshift
        return not any(map(unknown, ids))

    @cached_property
    def spells_in_bytes(self) -> bool:
        """Whether all but ASCII is bytes, which the model has learnt to read and write
        for want of nothing."""
        words = map(str.isalnum, self.merge_ranks())  # symbols are none
        return self.characters() == {*VISIBLE_ASCII, SPACE} and not any(words)

    def _is_makeshift(self, token_id: int) -> bool:
        return bool(self._model.is_unknown(token_id) or self.is_byte(token_id))

    def is_byte(self, token_id: int) -> bool:
        """Whether the id stands for one byte of a character without a piece."""
        return bool(self._model.is_byte(token_id))

    def spelling(self, token_id: int) -> bytes:
        """What the id adds to a text, in UTF-8, the space before a word included;
        nothing for special and unknown ones."""
        model = self._model
        if self.is_special(token_id) or model.is_unknown(token_id):
            return b""
        piece = self.piece(token_id)
        if self.is_byte(token_id):
            return bytes([int(piece[1:-1], 16)])
        return piece.replace(SPACE, " ").encode()

    def merge_ranks(self) -> dict[str, float]:
        """The pieces that byte-pair encoding merges others to; highest first."""
        ids = (i for i in range(len(self)) if self._is_merged(i))
        return {self.piece(i): float(self._model.get_score(i)) for i in ids}

    def _is_merged(self, token_id: int) -> bool:
        model = self._model
        atomic = self.is_special(token_id) or model.is_unknown(token_id)
        return not (atomic or model.is_byte(token_id)) and len(self.piece(token_id)) > 1

    def piece(self, token_id: int) -> str:
        """The id as its SentencePiece spelling, for displays: "▁Haus"."""
        return str(self._model.id_to_piece(token_id))


def _read(serialized: bytes, text: str) -> tuple[list[int], list[Span]]:
    """Ids and spans of what SentencePiece says in its own words, of this very text."""
    said = sentencepiece_pb2.SentencePieceText()  # type: ignore[attr-defined]
    said.ParseFromString(serialized)
    # It counts bytes; of half a character there is none.
    characters = [at for at, each in enumerate(text) for _ in each.encode()]
    characters.append(len(text))
    spans: list[Span] = []
    following: Span | None = None
    for piece in reversed(said.pieces):
        span = Span(characters[piece.begin], characters[piece.end])
        # A character's bytes, and what one character was normalised to, have it at
        # the last of them; the others are empty and stand before it.
        if span.start == span.end and following and following.start == span.start:
            span = following
        spans.append(span)
        following = span
    return [piece.id for piece in said.pieces], spans[::-1]


def _words(ids: Sequence[int]) -> list[int]:
    """Those that say something: all, of most answers."""
    if SILENT.isdisjoint(ids):
        return list(ids)
    return [each for each in ids if each not in SILENT]


def _clean(text: str) -> str:
    if text.isascii():
        return text
    # A lone surrogate cannot be encoded; it reads as "not a character".
    return text.encode("utf-8", "replace").decode("utf-8")


class Detokenizer:
    """Turns ids that arrive one by one into text that only ever grows.

    The pieces concatenate to `Tokenizer.decode` of all the ids, and none ends in
    half a character: bytes of an unfinished one are held back.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._said = ""

    def add(self, ids: Sequence[int]) -> str:
        """The text that these ids make certain; often "", never retracted."""
        self._ids += ids
        text = self._tokenizer.decode(self._ids)
        return self._say(text.rstrip(_REPLACEMENT))

    def finish(self) -> str:
        """What was held back to the end."""
        return self._say(self._tokenizer.decode(self._ids))

    def _say(self, text: str) -> str:
        if not text.startswith(self._said):
            return ""
        new = text[len(self._said) :]
        self._said = text
        return new
