"""Trains the SentencePiece models that cut text into tokens."""

import io
import re
from collections.abc import Iterable
from pathlib import Path

import sentencepiece

from onnxlate.errors import ConfigError, CorpusError
from onnxlate.placeholder import placeholder
from onnxlate.text import BOS_ID, EOS_ID, PAD_ID, UNK_ID, VISIBLE_ASCII

from .recipe import TokenizerConfig
from .storage import write_atomically


def train_subwords(
    lines: Iterable[str], path: Path, config: TokenizerConfig, seed: int
) -> None:
    """Writes a SentencePiece model to `path`.

    Raises ConfigError, with the largest size that would do, if the text is too small
    for so many tokens.
    """
    model = io.BytesIO()
    size = config.vocabulary
    if in_bytes := config.algorithm == "bytes":
        lines, size = [VISIBLE_ASCII], _num_bytes_tokens(config)
    sentencepiece.set_random_generator_seed(seed)
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            model_type="char" if in_bytes else config.algorithm,
            vocab_size=size,
            character_coverage=config.character_coverage,
            byte_fallback=config.byte_fallback,
            # A text of fewer lines comes whole, and in its order.
            input_sentence_size=config.max_lines,
            shuffle_input_sentence=True,
            pad_id=PAD_ID,
            unk_id=UNK_ID,
            bos_id=BOS_ID,
            eos_id=EOS_ID,
            user_defined_symbols=[placeholder(i) for i in range(config.placeholders)],
            # It is part of the model's file, and so of a bundle.
            normalization_rule_name=config.normalization,
            num_threads=1,
            minloglevel=2,
        )
    except (RuntimeError, OSError) as cause:
        raise _explain(str(cause), config) from cause
    write_atomically(path, model.getvalue())


def _num_bytes_tokens(config: TokenizerConfig) -> int:
    """Special ones, placeholders, bytes, ASCII's characters and the space."""
    return EOS_ID + 1 + config.placeholders + 256 + len(VISIBLE_ASCII) + 1


def _explain(message: str, config: TokenizerConfig) -> ConfigError | CorpusError:
    """SentencePiece's refusal in the words of the recipe."""
    size = f"tokenizer.vocabulary is {config.vocabulary}"
    if most := re.search(r"value <= (\d+)", message):
        return ConfigError(f"{size}; this text allows at most {most[1]}")
    if least := re.search(r"smaller than required_chars\. \d+ vs (\d+)", message):
        bytes_too = " and byte_fallback's 256" if config.byte_fallback else ""
        return ConfigError(
            f"{size}; the text's characters{bytes_too} need at least {least[1]}"
        )
    return CorpusError(f"SentencePiece cannot be trained on this text: {message}")
