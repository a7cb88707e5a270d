"""SentencePiece models as lists of pieces that can be changed.

sentencepiece's own classes for its files want a newer protobuf than others here can
read, so the few fields that matter are described here; protobuf keeps the rest as it
is. Field numbers are those of sentencepiece_model.proto.
"""

from enum import IntEnum
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from onnxlate.errors import ExportError

FIELD = descriptor_pb2.FieldDescriptorProto
ONE, MANY = FIELD.LABEL_OPTIONAL, FIELD.LABEL_REPEATED


class Kind(IntEnum):
    """What a piece is; `Type` in the specification."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


FIELDS: dict[str, list[tuple[str, int, int, int, str]]] = {
    "Piece": [
        ("piece", 1, ONE, FIELD.TYPE_STRING, ""),
        ("score", 2, ONE, FIELD.TYPE_FLOAT, ""),
        ("type", 3, ONE, FIELD.TYPE_INT32, ""),
    ],
    "Trainer": [
        ("vocab_size", 4, ONE, FIELD.TYPE_INT32, ""),
        ("byte_fallback", 35, ONE, FIELD.TYPE_BOOL, ""),
        ("unk_id", 40, ONE, FIELD.TYPE_INT32, ""),
        ("bos_id", 41, ONE, FIELD.TYPE_INT32, ""),
        ("eos_id", 42, ONE, FIELD.TYPE_INT32, ""),
        ("pad_id", 43, ONE, FIELD.TYPE_INT32, ""),
        ("unk_piece", 45, ONE, FIELD.TYPE_STRING, ""),
        ("bos_piece", 46, ONE, FIELD.TYPE_STRING, ""),
        ("eos_piece", 47, ONE, FIELD.TYPE_STRING, ""),
        ("pad_piece", 48, ONE, FIELD.TYPE_STRING, ""),
    ],
    "Model": [
        ("pieces", 1, MANY, FIELD.TYPE_MESSAGE, ".spm.Piece"),
        ("trainer_spec", 2, ONE, FIELD.TYPE_MESSAGE, ".spm.Trainer"),
        # Examples that are checked when it is read; they tell of other pieces.
        ("self_test_data", 4, ONE, FIELD.TYPE_BYTES, ""),
    ],
}


def _model_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="spm.proto", package="spm", syntax="proto2"
    )
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, label, kind, of in fields:
            message.field.add(
                name=field,
                number=number,
                label=label,
                type=kind,
                type_name=of or None,
            )
    pool = descriptor_pool.DescriptorPool()  # of its own: no name can clash
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("spm.Model"))


def read_pieces(path: Path) -> Any:
    """The model in a file; raises ExportError if it is none."""
    model = _model_class()()
    try:
        model.ParseFromString(path.read_bytes())
    except (OSError, DecodeError) as cause:
        raise ExportError(f"{path} is not a readable SentencePiece model") from cause
    if not model.pieces:
        raise ExportError(f"{path} is a SentencePiece model without pieces")
    return model


def kind_of(piece: Any) -> Kind:
    """One that is not said is the first."""
    return Kind(piece.type or Kind.NORMAL)
