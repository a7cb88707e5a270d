"""How good the model is now: it decodes the validation text and is scored on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from onnxlate import evaluation
from onnxlate.bundle import DecodeDefaults, Limits
from onnxlate.search import SearchOptions
from onnxlate.text import Tokenizer

from .batches import Batch, collate
from .corpus import Example, Pair
from .decode import TorchStepper, decode
from .loss import smoothed_loss
from .model import Transformer
from .recipe import DecodeConfig


@dataclass(frozen=True, slots=True)
class Scores:
    loss: float
    """Cross entropy per target token, without smoothing, in nats."""
    bleu: float
    chrf: float

    def value(self, metric: Literal["bleu", "chrf", "loss"]) -> float:
        """Higher is better, whatever the metric."""
        return -self.loss if metric == "loss" else float(getattr(self, metric))


class Validation:
    """The validation text, ready to score a model on, any number of times."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        source: Tokenizer,
        target: Tokenizer,
        config: DecodeConfig,
        target_language: str,
    ) -> None:
        self._pairs = pairs[: config.max_sentences]
        self._source = source
        self._target = target
        self._config = config
        self._target_language = target_language

    def scores(
        self,
        model: Transformer,
        device: torch.device,
        on_progress: Callable[[int], None] | None = None,
    ) -> Scores:
        """Of the model as it is; leaves it in evaluation mode.

        `on_progress` hears of every batch decoded, and may raise to end it.
        """
        model.eval()
        translations = translate(
            model,
            [source for source, _ in self._pairs],
            self._source,
            self._target,
            self._config.defaults,
            self._config.beam_size,
            on_progress,
        )
        references = [target for _, target in self._pairs]
        scored = evaluation.score(
            translations, references, target_language=self._target_language
        )
        loss = mean_loss(model, self._batches(model.config.max_positions), device)
        return Scores(loss=loss, bleu=scored.bleu, chrf=scored.chrf)

    def _batches(self, max_tokens: int) -> list[Batch]:
        """Longer sides are cut where the model ends, which decoding does as well."""
        ids = (
            (self._source.encode(one), self._target.encode(other))
            for one, other in self._pairs
        )
        examples = [
            Example(
                np.array(one[:max_tokens], np.int32),
                np.array(other[:max_tokens], np.int32),
            )
            for one, other in ids
            if one and other
        ]
        examples.sort(key=lambda example: len(example.target))
        return [collate(examples[i : i + 64]) for i in range(0, len(examples), 64)]


@torch.inference_mode()
def mean_loss(
    model: Transformer, batches: Sequence[Batch], device: torch.device
) -> float:
    """Nats per target token; the model is in evaluation mode."""
    total, num_tokens = 0.0, 0
    for batch in batches:
        batch = batch.to(device)
        vectors = model(batch.source_ids, batch.source_visible, batch.target_ids)
        loss = smoothed_loss(
            vectors[batch.target_visible].float(),
            model.generator.weight,
            batch.next_ids[batch.target_visible],
            smoothing=0.0,
        )
        total += float(loss)
        num_tokens += batch.num_tokens
    return total / max(num_tokens, 1)


def translate(
    model: Transformer,
    texts: Sequence[str],
    source: Tokenizer,
    target: Tokenizer,
    defaults: DecodeDefaults,
    beam_size: int,
    on_progress: Callable[[int], None] | None = None,
) -> list[str]:
    """The texts' translations by the model as it is, in evaluation mode.

    `on_progress` hears how many sentences each batch finished.
    """
    size = model.config.max_positions
    ids = [source.encode(text)[:size] for text in texts]
    options = [search_options(len(each), size, defaults, beam_size) for each in ids]
    hypotheses = decode(TorchStepper(model), ids, options, on_progress=on_progress)
    return [target.decode(best[0].tokens) for best in hypotheses]


def search_options(
    num_source_tokens: int,
    max_positions: int,
    defaults: DecodeDefaults,
    beam_size: int,
    num_hypotheses: int = 1,
) -> SearchOptions:
    """As the exported model decodes by default, but for the beam."""
    limits = Limits(max_source_tokens=max_positions, max_target_tokens=max_positions)
    return SearchOptions(
        max_target_tokens=defaults.max_target_tokens(num_source_tokens, limits),
        beam_size=beam_size,
        num_hypotheses=num_hypotheses,
        length_penalty=defaults.length_penalty,
    )
