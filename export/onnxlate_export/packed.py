"""Linear layers whose weights are packed once, for oneDNN.

torch multiplies float32 on CPUs with MKL, which on processors that are not Intel's
takes two to three times as long as oneDNN, and which packs the weights anew in every
call. The numbers are float32 either way, added up in another order.
"""

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from onnxlate_training.model import Generator

KINDS = nn.Linear, Generator

ROWS = 64
"""About as many go in at once; any number may."""


@contextlib.contextmanager
def packed(model: nn.Module) -> Iterator[None]:
    """Inside, the model's linear layers are quick, and no gradients flow."""
    layers = pack(model)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def pack(model: nn.Module) -> list[nn.Linear | Generator]:
    """For good; the layers that it found."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return []
    layers = [each for each in model.modules() if isinstance(each, KINDS)]
    for layer in layers:
        layer.forward = _packed(layer)  # type: ignore[method-assign, assignment]
    return layers


def _packed(layer: nn.Linear | Generator) -> Callable[[Tensor], Tensor]:
    operators = torch.ops.mkldnn
    bias = None if layer.bias is None else layer.bias.detach()
    weight = operators._reorder_linear_weight(layer.weight.detach(), ROWS)

    def forward(vectors: Tensor) -> Tensor:
        product: Tensor = operators._linear_pointwise(
            vectors, weight, bias, "none", [], ""
        )
        return product

    return forward
