"""Text of ids, put together from what each of them adds, as SentencePiece does it.

In a third of its time, since nearly all of what it looks out for is rare: where it is
there, it is asked.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import sentencepiece
from google.protobuf.empty_pb2 import Empty
from google.protobuf.unknown_fields import UnknownFieldSet

SPACE = "\u2581"

TRAINER, NORMALIZER, DENORMALIZER = 2, 3, 5
"""Fields of a ModelProto, and of those below (sentencepiece_model.proto)."""
SPACE_BEHIND = 24
MAP, SPACE_BEFORE = 2, 3


class Spelling:
    """What the ids of one model come to."""

    def __init__(self, model: sentencepiece.SentencePieceProcessor) -> None:
        self._model = model
        self._usual = is_usual(model.serialized_model_proto())
        self._known: dict[int, str | None] = {}  # learnt as they are said

    def text(self, ids: Sequence[int]) -> str | None:
        """None where the model has to be asked."""
        known = self._known
        try:
            text = "".join([known[each] for each in ids])  # type: ignore[misc]
        except KeyError:
            known.update((each, self._spelt(each)) for each in ids if each not in known)
            return None
        except TypeError:  # one of them is unusual
            return None
        if not text.startswith(" "):
            return text
        # Words begin with spaces, and a text does not. Of several there is more to say.
        return None if known[ids[0]] == " " else text[1:]

    def _spelt(self, each: int) -> str | None:
        model = self._model
        if not (self._usual and 0 <= each < model.vocab_size()):
            return None
        if model.is_unknown(each) or model.is_control(each) or model.is_byte(each):
            return None
        piece = str(model.id_to_piece(each))
        # A space that is itself, as symbols may have them, is not taken off in front.
        return None if " " in piece else piece.replace(SPACE, " ")


def is_usual(serialized: bytes) -> bool:
    """Whether a model puts spaces before words, that of the first one included, and has
    no rules for what is done to a text at the end."""
    specs = dict(_fields(serialized))
    trainer, normalizer, denormalizer = (
        dict(_fields(specs.get(each, b"")))
        for each in (TRAINER, NORMALIZER, DENORMALIZER)
    )
    return bool(
        normalizer.get(SPACE_BEFORE, 1)
        and not trainer.get(SPACE_BEHIND)
        and not denormalizer.get(MAP)
    )


def _fields(serialized: bytes) -> Iterator[tuple[int, Any]]:
    """Of a message whose kind is not known: protobuf's own are of another version than
    sentencepiece's."""
    message = Empty()
    message.ParseFromString(serialized)
    fields = UnknownFieldSet(message)
    for at in range(len(fields)):
        yield fields[at].field_number, fields[at].data
