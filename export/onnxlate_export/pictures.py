"""What a Transformer's masks, positions and attention look like, as PNG files."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch

from onnxlate_training.drawing import saved
from onnxlate_training.model import positional_encoding, visible_past, visible_words

from .attention import AttentionMap

# One hue from light to dark: it reads the same in grey and to colour-blind eyes.
WEIGHTS = "Blues"
SIGNED = "RdBu"
VISIBLE, HIDDEN = "#1864a8", "#e4e6ea"

Picture = npt.NDArray[np.generic]


def draw_positions(path: Path, positions: int, width: int) -> Path:
    """The positional encoding as a heat map, (positions, D)."""
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.subplots()
    table = positional_encoding(positions, width).numpy()
    image = _image(axes, table, SIGNED, -1, 1)
    axes.set(
        xlabel="dimension of the model", ylabel="position", title="Positional encoding"
    )
    figure.colorbar(image, ax=axes, label="added to the embedding")
    return saved(figure, path)


def draw_masks(path: Path, lengths: Sequence[int]) -> Path:
    """The two masks of a batch with sentences of these lengths."""
    size = max(lengths)
    padding = visible_words(_tensor(lengths), size).numpy()
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    _mask(left, padding)
    left.set(
        title="Padding mask: real words of each sentence",
        xlabel="position",
        ylabel="sentence of the batch",
    )
    _mask(right, visible_past(size).numpy())
    right.set(
        title="Look-ahead mask: the past of each position",
        xlabel="position looked at",
        ylabel="position looking",
    )
    _legend(figure)
    return saved(figure, path)


def draw_step(path: Path, lengths: Sequence[int], capacity: int) -> Path:
    """`target_visible` of one decoding step, rows of different ages."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    visible = visible_words(_tensor(lengths), capacity).numpy()
    _mask(axes, visible)
    for row, length in enumerate(lengths):
        if length:
            axes.text(
                length - 1, row, "now", ha="center", va="center", color="white", size=8
            )
    axes.set(
        title="target_visible: one token per row, each row of its own age",
        xlabel="position in the cache",
        ylabel="row",
    )
    _legend(figure)
    return saved(figure, path)


def draw_attention(path: Path, layer: AttentionMap) -> Path:
    """One layer's heads side by side."""
    heads, queries, keys = layer.weights.shape
    columns = min(heads, 4)
    rows = -(-heads // columns)
    side = max(queries, keys) * 0.26 + 0.9
    figure = Figure(figsize=(columns * side, rows * side), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for head, axes in enumerate(grid.flat):
        if head >= heads:
            axes.set_visible(False)
            continue
        image = _image(axes, layer.weights[head], WEIGHTS, 0, 1)
        axes.set_title(f"head {head + 1}", size=10)
        axes.set_xticks(range(keys), layer.keys, rotation=90, size=8)
        axes.set_yticks(range(queries), layer.queries, size=8)
    what = {
        "encoder": "Encoder: source looks at source",
        "decoder": "Decoder: target looks at its past",
        "cross": "Cross-attention: target looks at source",
    }[layer.kind]
    figure.suptitle(f"{what}, layer {layer.layer + 1}")
    figure.colorbar(image, ax=grid, label="weight", shrink=0.8)
    return saved(figure, path)


def _tensor(lengths: Sequence[int]) -> torch.Tensor:
    return torch.tensor(list(lengths))


def _mask(axes: Axes, visible: Picture) -> None:
    axes.imshow(visible, cmap=ListedColormap([HIDDEN, VISIBLE]), vmin=0, vmax=1)
    axes.set_aspect("auto")
    rows, columns = visible.shape
    axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    axes.set_xticks(range(columns))
    axes.set_yticks(range(rows))


def _image(
    axes: Axes, values: Picture, colours: str, low: float, high: float
) -> AxesImage:
    return axes.imshow(
        values,
        cmap=matplotlib.colormaps[colours],
        vmin=low,
        vmax=high,
        aspect="auto",
        interpolation="nearest",
    )


def _legend(figure: Figure) -> None:
    handles = [Patch(color=VISIBLE, label="True: may be looked at")]
    handles.append(Patch(color=HIDDEN, label="False: hidden"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
