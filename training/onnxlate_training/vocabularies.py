"""Whether models that are to work as one have one vocabulary."""

from pathlib import Path

from onnxlate.errors import ConfigError

Tokenizers = tuple[Path, Path]
"""The source's and the target's SentencePiece models; the same path if joint."""


def require_one_vocabulary(one: Tokenizers, other: Tokenizers, who: str) -> None:
    """Raises ConfigError unless both are the same, byte for byte, and can be read.

    `who` is what the error calls their owners.
    """
    for mine, theirs in zip(one, other, strict=True):
        if _content(mine) != _content(theirs):
            raise ConfigError(
                f"{mine} and {theirs} differ; {who} need one vocabulary: the same text "
                "and [tokenizer]"
            )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as cause:
        raise ConfigError(f"cannot read {path}: {cause.strerror}") from cause
