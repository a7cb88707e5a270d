"""Label-smoothed cross entropy straight from the decoder's vectors, and R-Drop.

The scores of a batch against a whole vocabulary are the largest array of an update
and its largest single cost. On a CPU they are therefore made a slice of rows at a
time, and the gradients in the same pass, while the slice is still in the cache.

R-Drop (Liang et al. 2021) runs every sentence twice, so that dropout makes two
guesses of each token, and pulls the two together by the divergence between them.

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
    return _sliced_loss(vectors, weight, targets, smoothing, 0.0, _precision())


def consistent_loss(
    vectors: Tensor, weight: Tensor, targets: Tensor, smoothing: float, alpha: float
) -> Tensor:
    """R-Drop's loss, summed over tokens: (2N, D), (V, D), (N,) -> ().

    Rows i and N + i of `vectors` are two guesses of targets[i]. Of each token it is
    the mean of their smoothed losses and alpha / 4 times the divergences of one from
    the other and back: half of the paper's, since its loss adds both guesses up.
    """
    if vectors.device.type == "cpu":
        return _sliced_loss(vectors, weight, targets, smoothing, alpha, _precision())
    logits = functional.linear(vectors, weight).float()
    loss = functional.cross_entropy(
        logits, targets.repeat(2), reduction="sum", label_smoothing=smoothing
    )
    one, other = logits.log_softmax(dim=1).chunk(2)
    apart = ((one.exp() - other.exp()) * (one - other)).sum()
    return loss / 2 + apart * (alpha / 4)


def _precision() -> torch.dtype:
    """Of the products; sums, exponentials and the loss itself are always float32."""
    autocast = torch.is_autocast_enabled("cpu")
    return torch.get_autocast_dtype("cpu") if autocast else torch.float32


class _SlicedLoss(torch.autograd.Function):
    """Both losses; alpha > 0 says that the vectors are two guesses of each target."""

    @staticmethod
    def forward(
        ctx: Any,
        vectors: Tensor,
        weight: Tensor,
        targets: Tensor,
        smoothing: float,
        alpha: float,
        precision: torch.dtype,
    ) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            loss, *gradients = _both_passes(
                vectors.to(precision),
                weight.to(precision),
                targets,
                smoothing,
                alpha,
            )
        ctx.save_for_backward(*gradients)
        ctx.dtypes = vectors.dtype, weight.dtype
        return loss

    @staticmethod
    def backward(
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor, Tensor, None, None, None, None]:
        vectors_grad, weight_grad = (
            (gradient * grads[0]).to(dtype)
            for gradient, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        )
        return vectors_grad, weight_grad, None, None, None, None


def _both_passes(
    vectors: Tensor, weight: Tensor, targets: Tensor, smoothing: float, alpha: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The loss and its gradients, in float32, for vectors and weight of one type."""
    vectors_grad = torch.empty_like(vectors)
    weight_grad = torch.zeros(weight.shape)
    loss = torch.zeros(())
    guesses = 2 if alpha else 1
    size = ROWS_PER_SLICE // guesses
    # Gradients are of the sum over tokens, of which each guess is a half of two.
    share = 1 / guesses
    for start in range(0, len(targets), size):
        right = targets[start : start + size, None].repeat(guesses, 1)
        rows = [
            slice(first, first + len(right) // guesses)
            for first in range(start, len(vectors), len(targets))
        ]
        mine = torch.cat([vectors[each] for each in rows])
        logits = (mine @ weight.T).float()  # (n, V)
        scores, mean = logits.gather(1, right), logits.mean(dim=1, keepdim=True)
        top = logits.amax(dim=1, keepdim=True)
        # The exponentials, the dearest after the products, are taken once and
        # become, in place, d loss / d logits = p - target.
        logits.sub_(top)
        grad = logits.exp() if alpha else logits.exp_()
        total = grad.sum(dim=1, keepdim=True)
        log_total = top + total.log()
        # -sum over V of target * log p, the two parts of target apart.
        loss += (log_total - scores).sum() * ((1 - smoothing) * share)
        loss += (log_total - mean).sum() * (smoothing * share)
        grad.div_(total)
        pull = None
        if alpha:
            apart, pull = _divergence(logits.sub_(total.log_()), grad)
            loss += apart * (alpha / 4)
        grad.sub_(smoothing / weight.shape[0])
        grad.scatter_add_(1, right, grad.new_full(right.shape, smoothing - 1))
        if pull is not None:
            grad.mul_(share).add_(pull, alpha=alpha / 4)
        lowered = grad.to(vectors.dtype)
        for each, part in zip(rows, lowered.chunk(guesses), strict=True):
            torch.mm(part, weight, out=vectors_grad[each])
        if vectors.dtype == torch.float32:
            weight_grad.addmm_(lowered.T, mine)
        else:
            weight_grad += lowered.T @ mine
    return loss, vectors_grad.float(), weight_grad


def _divergence(log_p: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    """Kullback and Leibler's, one way and back, summed, and d of it / d logits.

    log_p, p (2n, V): one guess above the other.
    """
    (one, other), (log_one, log_other) = p.chunk(2), log_p.chunk(2)
    ratio = log_one - log_other  # (n, V)
    difference = one - other
    there = (one * ratio).sum(dim=1, keepdim=True)
    back = (other * ratio).sum(dim=1, keepdim=True)
    pulls = [
        (ratio - there).mul_(one).add_(difference),
        (back - ratio).mul_(other).sub_(difference),
    ]
    return (there - back).sum(), torch.cat(pulls)


_sliced_loss: Callable[[Tensor, Tensor, Tensor, float, float, torch.dtype], Tensor] = (
    _SlicedLoss.apply
)
