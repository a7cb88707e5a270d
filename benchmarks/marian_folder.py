"""MarianMT models with random weights, as Hugging Face has them on disk.

Everything about them is real but what they know: two SentencePiece models, a vocabulary
in an order of its own, a bias on the scores, padding that must not be said.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
)
from transformers.utils import logging

from onnxlate.text import Tokenizer

from .padded_subwords import train_padded_subwords

FIRST = ["</s>", "<unk>"]
"""Marian's end is 0 and its unknown word 1; Hugging Face puts the padding last."""

SMALL: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 128,
}
OPUS: dict[str, Any] = {
    "d_model": 512,
    "encoder_layers": 6,
    "decoder_layers": 6,
    "encoder_attention_heads": 8,
    "decoder_attention_heads": 8,
    "encoder_ffn_dim": 2048,
    "decoder_ffn_dim": 2048,
    "max_position_embeddings": 512,
}
"""The sizes of Helsinki-NLP/opus-mt-en-de."""


def write_marian(
    folder: Path,
    texts: tuple[Sequence[str], Sequence[str]],
    pieces: int,
    vocabulary: int | None = None,
    more_names: Sequence[str] = (),
    seed: int = 1,
    **config: Any,
) -> None:
    """`pieces` of each language, learnt from texts, and a vocabulary of that size, or
    of what there is; `more_names` are in it too. Some pieces are left out of it, as
    are some of OPUS's."""
    folder.mkdir(parents=True, exist_ok=True)
    logging.disable_progress_bar()
    learnt: list[str] = []
    for name, lines in zip(("source.spm", "target.spm"), texts, strict=True):
        train_padded_subwords(lines, folder / name, pieces)
        tokenizer = Tokenizer(folder / name)
        learnt += [tokenizer.piece(each) for each in range(4, len(tokenizer) - 5)]
    names = [*dict.fromkeys(learnt), *more_names]
    room = len(names) if vocabulary is None else vocabulary - len(FIRST) - 1
    names += [f"⟦{number}⟧" for number in range(room - len(names))]
    random.Random(seed).shuffle(names)
    write_vocabulary(folder / "vocab.json", [*FIRST, *names[:room], "<pad>"])
    write_model(folder, room + len(FIRST) + 1, seed, config)


def write_vocabulary(path: Path, names: Sequence[str]) -> None:
    ids = {name: at for at, name in enumerate(names)}
    path.write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")


def write_model(folder: Path, size: int, seed: int, config: dict[str, Any]) -> None:
    pad = size - 1
    torch.manual_seed(seed)
    settings = {
        "vocab_size": size,
        "pad_token_id": pad,
        "decoder_start_token_id": pad,
        "scale_embedding": True,
        "activation_function": "swish",
    }
    model = MarianMTModel(MarianConfig(**(settings | config)))
    draw_weights(model)
    model.final_logits_bias.normal_(std=0.5)
    model.generation_config.bad_words_ids = [[pad]]
    model.generation_config.num_beams = 4
    model.save_pretrained(folder)


def draw_weights(model: Any) -> None:
    """So large that tokens vary, and that one of them stands out."""
    width = model.config.d_model
    for name, parameter in model.named_parameters():
        if "embed_positions" in name or "norm" in name:
            continue
        deviation = 0.3 if name.endswith("bias") else 2 * width**-0.5
        torch.nn.init.normal_(parameter, std=deviation)


def write_m2m100(folder: Path, texts: Sequence[str], pieces: int) -> None:
    """A small M2M100 with random weights: one vocabulary, and all its languages."""
    folder.mkdir(parents=True, exist_ok=True)
    logging.disable_progress_bar()
    spm = folder / "sentencepiece.bpe.model"
    train_padded_subwords(texts, spm, pieces)
    tokenizer = Tokenizer(spm)
    learnt = [tokenizer.piece(each) for each in range(4, len(tokenizer) - 3)]
    random.Random(1).shuffle(learnt)
    names = ["<s>", "<pad>", "</s>", "<unk>", *learnt]
    write_vocabulary(folder / "vocab.json", names)
    config = SMALL | {"activation_function": "relu", "scale_embedding": True}
    torch.manual_seed(1)
    # 100 languages, and 8 words that fairseq made up to have a round number.
    model = M2M100ForConditionalGeneration(
        M2M100Config(vocab_size=len(names) + 108, **config)
    )
    draw_weights(model)
    model.save_pretrained(folder)
