"""Seq2SeqTrainer of Hugging Face Transformers, on our weights and our batches."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import IterableDataset
from transformers import (
    PrinterCallback,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    TrainerCallback,
)

from onnxlate.text import Tokenizer
from onnxlate_training.batches import Members
from onnxlate_training.recipe import Recipe
from onnxlate_training.weights import build_model

from .marian_model import converted
from .pace import Pace
from .trainer_settings import Task, TransformersTrainerSettings
from .training_batches import FOR_EVER, Batches, recipe_of

IGNORED = -100
"""A label that counts for nothing."""


def transformers_trainer(
    task: Task, settings: TransformersTrainerSettings, pace: Pace, scratch: Path
) -> Callable[[], None]:
    logging.getLogger("transformers").setLevel(logging.ERROR)
    torch.set_num_threads(settings.threads)
    recipe = recipe_of(task)
    tokenizer = Tokenizer(task.tokenizer)
    torch.manual_seed(recipe.seed)
    model: Any = converted(build_model(recipe, tokenizer, tokenizer))
    model.set_attn_implementation(settings.attention)
    batches = Batches(task)
    trainer = _Trainer(
        model=model,
        args=_arguments(recipe, settings, scratch),
        train_dataset=_Endless(batches),
        data_collator=_Collator(batches),
    )
    trainer.recipe = recipe
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_Paced(pace, trainer))

    def run() -> None:
        trainer.train()

    return run


def _arguments(
    recipe: Recipe, settings: TransformersTrainerSettings, scratch: Path
) -> Seq2SeqTrainingArguments:
    optimizer = recipe.optimizer
    return Seq2SeqTrainingArguments(
        output_dir=str(scratch),
        use_cpu=True,
        bf16=settings.precision == "bf16",
        seed=recipe.seed,
        max_steps=FOR_EVER,
        per_device_train_batch_size=1,  # one of our batches
        gradient_accumulation_steps=recipe.batch.accumulate,
        label_smoothing_factor=recipe.train.label_smoothing,
        # Without weight decay AdamW is Adam.
        optim="adamw_torch_fused",
        learning_rate=recipe.schedule.peak,
        adam_beta1=optimizer.beta1,
        adam_beta2=optimizer.beta2,
        adam_epsilon=optimizer.epsilon,
        weight_decay=optimizer.weight_decay,
        max_grad_norm=optimizer.clip_norm,
        # Else its data loader takes batches apart, to share them out over processes.
        accelerator_config={"dispatch_batches": False},
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


class _Trainer(Seq2SeqTrainer):  # type: ignore[misc]
    """As it is, but for the schedule; and it remembers what an update's loss was."""

    recipe: Recipe
    update_loss: Tensor | float = 0.0
    update_tokens: Tensor | int = 0

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        schedule = self.recipe.schedule
        self.lr_scheduler = LambdaLR(
            optimizer or self.optimizer,
            lambda done: schedule.rate(done + 1, FOR_EVER) / schedule.peak,
        )
        return self.lr_scheduler

    def training_step(
        self, model: Any, inputs: Any, num_items_in_batch: Any = None
    ) -> Tensor:
        loss: Tensor = super().training_step(model, inputs, num_items_in_batch)
        self.update_loss += loss
        self.update_tokens = num_items_in_batch
        return loss


class _Paced(TrainerCallback):  # type: ignore[misc]
    def __init__(self, pace: Pace, trainer: _Trainer) -> None:
        self._pace = pace
        self._trainer = trainer

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        trainer = self._trainer
        loss, tokens = float(trainer.update_loss), int(trainer.update_tokens)
        trainer.update_loss = 0.0
        self._pace.updated(loss, tokens)


class _Endless(IterableDataset[Members]):
    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Members]:
        return iter(self._batches)


class _Collator:
    """Of one batch's numbers the tensors, at their names."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __call__(self, batches: list[Members]) -> dict[str, Tensor]:
        (members,) = batches
        batch = self._batches.batch(members)
        return {
            "input_ids": batch.source_ids,
            "attention_mask": batch.source_visible.long(),
            "decoder_input_ids": batch.target_ids,
            "labels": batch.next_ids.masked_fill(~batch.target_visible, IGNORED),
        }
