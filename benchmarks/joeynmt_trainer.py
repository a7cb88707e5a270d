"""TrainManager of JoeyNMT 2.3, on our weights and our batches.

Runs in an environment of JoeyNMT's, which needs pydantic besides for what we say to
each other.
"""

import logging
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from joeynmt.batch import Batch
from joeynmt.config import parse_train_args
from joeynmt.model import build_model
from joeynmt.training import TrainManager

from onnxlate.text import BOS_ID, EOS_ID, PAD_ID, UNK_ID, Tokenizer
from onnxlate_training.batches import Members
from onnxlate_training.model import ModelConfig, MultiHeadAttention, Transformer
from onnxlate_training.recipe import Recipe

from .pace import Pace
from .trainer_settings import JoeyNMTTrainerSettings, Task
from .training_batches import FOR_EVER, Batches, recipe_of

CPU = torch.device("cpu")

Module = Any
"""Theirs; nn.Module knows no types of what it consists of."""


def joeynmt_trainer(
    task: Task, settings: JoeyNMTTrainerSettings, pace: Pace, scratch: Path
) -> Callable[[], None]:
    logging.disable(logging.INFO)
    torch.set_num_threads(settings.threads)
    recipe = recipe_of(task)
    size = len(Tokenizer(task.tokenizer))
    torch.manual_seed(recipe.seed)
    model = converted(Transformer(recipe.model, size, size))
    model.loss_function = ("crossentropy", recipe.train.label_smoothing)
    trainer = _Trainer(
        rank=0,
        model=model,
        model_dir=scratch,
        device=CPU,
        autocast={"device_type": "cpu", "enabled": False},
        seed=recipe.seed,
        train_args=parse_train_args(_arguments(recipe)),
    )
    for group in trainer.optimizer.param_groups:
        group["eps"] = recipe.optimizer.epsilon
    trainer.scheduler = _Schedule(recipe, trainer.optimizer)
    trainer.scheduler_step_at = "step"
    constant = _entropy(recipe.train.label_smoothing, size)
    data = _Data(Batches(task), pace, lambda: trainer.update_loss + constant)

    def run() -> None:
        trainer.train_and_validate(train_data=data, valid_data=SimpleNamespace())

    return run


# ------------------------------------------------------------------------ model


def converted(model: Transformer) -> Module:
    """The same function, made of the modules of `model`, which ties all embeddings and
    normalises before its sub-layers."""
    config = model.config
    vocabulary = _Vocabulary(len(model.generator.weight))
    cfg = {
        "encoder": _stack(config, config.encoder_layers),
        "decoder": _stack(config, config.decoder_layers),
        "tied_embeddings": True,
        "tied_softmax": True,
    }
    theirs: Module = build_model(cfg, vocabulary, vocabulary)
    theirs.src_embed.lut.weight = model.source_embedding.weight
    theirs.decoder.output_layer.weight = model.source_embedding.weight
    theirs.encoder.layer_norm = model.encoder.norm
    theirs.decoder.layer_norm = model.decoder.norm
    for their_layer, encoder_layer in zip(
        theirs.encoder.layers, model.encoder.stack, strict=True
    ):
        _set_attention(their_layer.src_src_att, encoder_layer.attention, config)
        their_layer.layer_norm = encoder_layer.attended.norm
        _set_feed_forward(their_layer.feed_forward, encoder_layer)
    for their_layer, decoder_layer in zip(
        theirs.decoder.layers, model.decoder.stack, strict=True
    ):
        _set_attention(their_layer.trg_trg_att, decoder_layer.self_attention, config)
        their_layer.x_layer_norm = decoder_layer.looked_back.norm
        _set_attention(their_layer.src_trg_att, decoder_layer.cross_attention, config)
        their_layer.dec_layer_norm = decoder_layer.looked_across.norm
        _set_feed_forward(their_layer.feed_forward, decoder_layer)
    return theirs


def _stack(config: ModelConfig, layers: int) -> dict[str, Any]:
    return {
        "type": "transformer",
        "num_layers": layers,
        "num_heads": config.heads,
        "hidden_size": config.width,
        "ff_size": config.feed_forward,
        "dropout": config.dropout,
        "layer_norm": "pre",
        "activation": config.activation,
        "embeddings": {
            "embedding_dim": config.width,
            "scale": True,
            "dropout": config.dropout,
        },
    }


def _set_attention(
    theirs: Module, ours: MultiHeadAttention, config: ModelConfig
) -> None:
    theirs.q_layer, theirs.k_layer = ours.query, ours.key
    theirs.v_layer, theirs.output_layer = ours.value, ours.out
    theirs.dropout.p = config.attention_dropout


def _set_feed_forward(theirs: Module, ours: Module) -> None:
    theirs.layer_norm = ours.fed.norm
    inner, _, dropout, outer, _ = range(5)
    theirs.pwff_layer[inner] = ours.feed_forward.inner
    theirs.pwff_layer[dropout].p = 0.0  # we have none there
    theirs.pwff_layer[outer] = ours.feed_forward.outer


class _Vocabulary:
    """As much of theirs as a model asks for; ours has the special ids elsewhere."""

    pad_index, unk_index, bos_index, eos_index = PAD_ID, UNK_ID, BOS_ID, EOS_ID
    sep_index = None
    specials: tuple[str, ...] = ()
    lang_tags: tuple[str, ...] = ()

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


# --------------------------------------------------------------------- training


def _arguments(recipe: Recipe) -> dict[str, Any]:
    optimizer = recipe.optimizer
    return {
        "optimizer": optimizer.name,
        "adam_betas": [optimizer.beta1, optimizer.beta2],
        "weight_decay": optimizer.weight_decay,
        "clip_grad_norm": optimizer.clip_norm or None,
        "scheduling": "noam",  # it must have one; ours takes its place
        "learning_rate_min": 0.0,
        "label_smoothing": recipe.train.label_smoothing,
        "normalization": "tokens",
        "batch_size": 1,  # one of our batches
        "batch_multiplier": recipe.batch.accumulate,
        "epochs": 1,
        "updates": FOR_EVER,
        "validation_freq": FOR_EVER,
        "logging_freq": FOR_EVER,
        "early_stopping_metric": "loss",
    }


def _entropy(smoothing: float, size: int) -> float:
    """Of a smoothed label. Their loss is the divergence from it: less by so much than
    cross entropy, and with the same gradients."""
    if not smoothing:
        return 0.0
    right, wrong = 1 - smoothing, smoothing / (size - 2)
    return -right * math.log(right) - smoothing * math.log(wrong)


class _Trainer(TrainManager):  # type: ignore[misc]
    """As it is; but it remembers the loss, and has no checkpoint to save."""

    update_loss = 0.0

    def _train_step(self, batch: Any) -> tuple[float, int]:
        loss, correct = super()._train_step(batch)
        self.update_loss = loss
        return loss, correct

    def _save_checkpoint(self, new_best: bool, score: float) -> None: ...


class _Schedule:
    """Our learning rates."""

    def __init__(self, recipe: Recipe, optimizer: torch.optim.Optimizer) -> None:
        self._schedule = recipe.schedule
        self._optimizer = optimizer
        self.step(-1)

    def step(self, before: int) -> None:
        """After an update that had so many before it."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._schedule.rate(before + 2, FOR_EVER)


class _Data:
    """Data set and iterator in one; its being asked for a batch says that the update
    with the one before is made."""

    def __init__(self, batches: Batches, pace: Pace, loss: Callable[[], float]) -> None:
        self._batches = batches
        self._pace = pace
        self._loss = loss
        self.batch_sampler = SimpleNamespace(set_seed=lambda seed: None)

    def make_iter(self, **options: Any) -> "_Data":
        return self

    def __iter__(self) -> Iterator[Any]:
        for members in self._batches:
            batch = self._batch(members)
            yield batch
            self._pace.updated(self._loss(), batch.ntokens)

    def _batch(self, members: Members) -> Any:
        ours = self._batches.batch(members)
        begin = torch.full((len(members), 1), BOS_ID)
        return Batch(
            src=ours.source_ids,
            src_length=ours.source_visible.sum(dim=1),
            src_prompt_mask=None,
            trg=torch.cat([begin, ours.next_ids], dim=1),
            trg_prompt_mask=None,
            indices=torch.tensor(members),
            device=CPU,
            pad_index=PAD_ID,
            eos_index=EOS_ID,
        )
