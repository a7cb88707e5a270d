"""Label-smoothed cross entropy straight from the decoder's vectors.

The scores of a batch against a whole vocabulary are the largest array of an update
and its largest single cost. On a CPU they are therefore made a slice of rows at a
time, and the gradients in the same pass, while the slice is still in the cache.

Axes: N target tokens (padding already dropped), D width, V vocabulary.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

ROWS_PER_SLICE = 512


def smoothed_loss(
    vectors: Tensor, weight: Tensor, targets: Tensor, smoothing: float
) -> Tensor:
    """Sum over tokens: (N, D), (V, D), (N,) -> (). Szegedy et al. 2016, section 7.

    Each target is a distribution: 1 - smoothing on the right token, and smoothing
    spread evenly over the whole vocabulary.
    """
    if vectors.device.type != "cpu":
        logits = functional.linear(vectors, weight).float()
        return functional.cross_entropy(
            logits, targets, reduction="sum", label_smoothing=smoothing
        )
    return _sliced_loss(vectors, weight, targets, smoothing)


class _SlicedLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, vectors: Tensor, weight: Tensor, targets: Tensor, smoothing: float
    ) -> Tensor:
        vectors_grad = torch.empty_like(vectors)
        weight_grad = torch.zeros_like(weight)
        loss = vectors.new_zeros(())
        vocabulary = weight.shape[0]
        for start in range(0, len(vectors), ROWS_PER_SLICE):
            rows = slice(start, start + ROWS_PER_SLICE)
            right = targets[rows, None]
            logits = vectors[rows] @ weight.T  # (n, V)
            scores, mean = logits.gather(1, right), logits.mean(dim=1, keepdim=True)
            top = logits.amax(dim=1, keepdim=True)
            # The exponentials, the dearest after the products, are taken once and
            # become, in place, d loss / d logits = p - target.
            grad = logits.sub_(top).exp_()
            total = grad.sum(dim=1, keepdim=True)
            log_total = top + total.log()
            # -sum over V of target * log p, the two parts of target apart.
            loss += (log_total - scores).sum() * (1 - smoothing)
            loss += (log_total - mean).sum() * smoothing
            grad.div_(total).sub_(smoothing / vocabulary)
            grad.scatter_add_(1, right, grad.new_full(right.shape, smoothing - 1))
            torch.mm(grad, weight, out=vectors_grad[rows])
            weight_grad.addmm_(grad.T, vectors[rows])
        ctx.save_for_backward(vectors_grad, weight_grad)
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        vectors_grad, weight_grad = ctx.saved_tensors
        return vectors_grad * grads[0], weight_grad * grads[0], None, None


_sliced_loss: Callable[[Tensor, Tensor, Tensor, float], Tensor] = _SlicedLoss.apply
