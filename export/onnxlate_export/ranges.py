"""Measures how large activations get, on real sentences, for int8."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from onnxlate.placeholder import count_placeholders
from onnxlate.text import BOS_ID
from onnxlate_training.augment import augment
from onnxlate_training.checkpoint import LoadedModel
from onnxlate_training.decode import pad
from onnxlate_training.model import Generator, Transformer
from onnxlate_training.recipe import AugmentConfig

from .gate import MAX_SENTENCES, Sample
from .products import Floats

BATCH = 32


def calibration(
    loaded: LoadedModel, sample: Sample
) -> tuple[list[list[int]], list[list[int]]]:
    """Sources and targets to measure on, in ids: the sample's, and some with symbols.

    Placeholder symbols stand in no real text, yet must not be met unprepared.
    """
    source, target = loaded.read_tokenizers()
    pairs = list(
        zip(loaded.validation_source, loaded.validation_reference, strict=True)
    )
    with_symbols, _ = augment(
        pairs[:MAX_SENTENCES],
        AugmentConfig(placeholders=1.0),
        min(map(count_placeholders, (source, target))),
        (loaded.source_language, loaded.target_language),
        seed=1,
    )
    sources = sample.sources + [source.encode(one) for one, _ in with_symbols]
    texts = sample.references + [other for _, other in with_symbols]
    return (
        [each[: loaded.max_source_tokens] for each in sources],
        [
            [*loaded.target_prefix, *target.encode(each)][: loaded.max_target_tokens]
            for each in texts
        ],
    )


@torch.inference_mode()
def measure_ranges(
    model: Transformer,
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
) -> dict[str, Floats]:
    """Name of every linear layer, and of the generator, -> largest inputs (inputs,).

    Reads pairs as in training; both sides end with the end-of-sentence id.
    """
    with _watched(model) as largest:
        for at in range(0, len(sources), BATCH):
            source_ids, source_visible = pad(sources[at : at + BATCH])
            fed = [[BOS_ID, *each[:-1]] for each in targets[at : at + BATCH]]
            target_ids, target_visible = pad(fed)
            vectors = model(
                *map(torch.from_numpy, (source_ids, source_visible)),
                torch.from_numpy(target_ids),
            )
            # What comes out at the padding is nothing that decoding meets.
            model.generator(vectors[torch.from_numpy(target_visible)])
    return {name: each.numpy() for name, each in largest.items()}


@contextmanager
def _watched(model: Transformer) -> Iterator[dict[str, Tensor]]:
    largest: dict[str, Tensor] = {}

    def watch(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            seen = inputs[0].abs().flatten(0, -2).amax(dim=0)
            before = largest.get(name)
            largest[name] = seen if before is None else torch.maximum(before, seen)

        return module.register_forward_pre_hook(note)

    handles = [
        watch(name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Generator)
    ]
    try:
        yield largest
    finally:
        for handle in handles:
            handle.remove()
