"""A SentencePiece model of any size for any text.

A few thousand number words do not have 32,000 pieces in them. Pieces that no text
contains fill the vocabulary up; a model with random weights uses them like any others.
"""

import struct
from collections.abc import Sequence
from pathlib import Path

from onnxlate.errors import ConfigError
from onnxlate.text import Tokenizer
from onnxlate_training.recipe import TokenizerConfig
from onnxlate_training.storage import write_atomically
from onnxlate_training.subwords import train_subwords

MAX_REAL_PIECES = 8_000
MIN_REAL_PIECES = 32


def train_padded_subwords(texts: Sequence[str], path: Path, vocabulary: int) -> None:
    """Writes a SentencePiece model with exactly so many pieces."""
    size = min(vocabulary, MAX_REAL_PIECES)
    while not _trained(texts, path, size):
        size = int(size * 0.7)
    first = len(Tokenizer(path))
    padding = b"".join(_piece(number) for number in range(first, vocabulary))
    write_atomically(path, path.read_bytes() + padding)


def _piece(number: int) -> bytes:
    """One more entry for the list of pieces, the first field of the file's message.

    Where protobuf messages are joined, so are their lists. The stubs that come with
    sentencepiece would be nicer, but they need a newer protobuf than ours.
    """
    spelling = f"⟨{number}⟩".encode()
    piece = b"\x0a" + bytes([len(spelling)]) + spelling  # 1: string
    piece += b"\x15" + struct.pack("<f", -number)  # 2: float, its score
    return b"\x0a" + bytes([len(piece)]) + piece


def _trained(texts: Sequence[str], path: Path, size: int) -> bool:
    """Whether the text had so many pieces in it."""
    config = TokenizerConfig(vocabulary=size, byte_fallback=False)
    try:
        train_subwords(texts, path, config, seed=1)
    except ConfigError:
        if size < MIN_REAL_PIECES:
            raise
        return False
    return True
