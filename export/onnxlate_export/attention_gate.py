"""The gate of attention.onnx: it sees what PyTorch sees, and tells what it is good for.

Both sides read the gate's sentences with the translations that the bundle gave them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch

from onnxlate.alignment import Floats
from onnxlate.bundle import Precision
from onnxlate.errors import ExportError
from onnxlate.text import BOS_ID
from onnxlate_training.decode import pad
from onnxlate_training.model import Transformer

from .across import CAUSAL, NAME
from .attention import recorded
from .gate import BATCH, Progress
from .packed import packed

MAX_DIFFERENCE: dict[Precision, float] = {"fp32": 1e-3}
"""How far a weight may be from PyTorch's: rounding."""

MAX_MOVED: dict[Precision, float] = {"fp16": 0.05, "int8": 0.25}
"""What share of its attention a token may pay elsewhere, in the mean of all tokens,
layers and heads. Trained models come to a tenth of it and less, random weights in int8
to 0.14, and a graph that computes something else to more."""

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Seen:
    """What passed the gate."""

    attention: list[Floats]
    """Of each sentence (L, H, T + 1, S)."""
    max_difference: float
    mean_difference: float


@dataclass(frozen=True)
class AttentionSessions:
    encoder: onnxruntime.InferenceSession
    attention: onnxruntime.InferenceSession

    def look(
        self,
        source: tuple[Ints, Bools],
        target_ids: Ints,
    ) -> Floats:
        """(B, S) twice, (B, T) -> (B, L, H, T, S)."""
        names = [each.name for each in self.encoder.get_outputs()]
        ids, visible = source
        inputs = {"source_ids": ids, "source_visible": visible}
        cross = dict(zip(names, self.encoder.run(names, inputs), strict=True))
        size = target_ids.shape[1]
        past = np.tril(np.ones((len(ids), size, size), np.bool_))
        fed = {"target_ids": target_ids, CAUSAL: past, "source_visible": visible}
        return np.asarray(self.attention.run([NAME], fed | cross)[0])


def pass_attention_gate(
    model: Transformer,
    sessions: AttentionSessions,
    precision: Precision,
    pairs: Sequence[tuple[Sequence[int], Sequence[int]]],
    on_progress: Progress,
) -> Seen:
    """`pairs` are sources, end of sentence included, and targets without it.

    Raises ExportError if the graph looks elsewhere than `model` does.
    """
    attention: dict[int, Floats] = {}
    worst, moved, count = 0.0, 0.0, 0
    order = sorted(range(len(pairs)), key=lambda at: len(pairs[at][1]))
    for at in range(0, len(order), BATCH):
        places = order[at : at + BATCH]
        batch = [pairs[each] for each in places]
        source = pad([ids for ids, _ in batch])
        target_ids, target_visible = pad([[BOS_ID, *ids] for _, ids in batch])
        found = sessions.look(source, target_ids)
        with packed(model):
            difference = np.abs(found - _in_torch(model, source, target_ids))
        # (B, L, H, T, S) -> (positions, L, H, S); what stands at padding is nothing
        real = difference.transpose(0, 3, 1, 2, 4)[target_visible]
        worst = max(worst, float(real.max()))
        moved += float(real.sum(axis=-1).mean(axis=(1, 2)).sum()) / 2
        count += len(real)
        for place, each, (ids, target) in zip(places, found, batch, strict=True):
            attention[place] = each[:, :, : 1 + len(target), : len(ids)]
        on_progress("where translations look", len(attention), len(pairs))
    _require_alike(precision, worst, moved / count)
    in_order = [attention[at] for at in range(len(pairs))]
    return Seen(in_order, worst, moved / count)


@torch.inference_mode()
def _in_torch(
    model: Transformer,
    source: tuple[Ints, Bools],
    target_ids: Ints,
) -> Floats:
    with recorded(model) as seen:
        model(*map(torch.from_numpy, (*source, target_ids)))
    layers = range(model.config.decoder_layers)
    return np.stack([seen["cross", layer] for layer in layers], axis=1)


def _require_alike(precision: Precision, worst: float, moved: float) -> None:
    # Not a number is not at most anything.
    furthest = MAX_DIFFERENCE.get(precision, 1.0)
    most = MAX_MOVED.get(precision, 1.0)
    if not (worst <= furthest and moved <= most):
        raise ExportError(
            f"the gate refused: weights of attention.onnx are up to {worst:.2g} from "
            f"PyTorch's, and {moved:.2g} of a token's attention is elsewhere; at most "
            f"{furthest:g} and {most:g} may be. No bundle was written"
        )
