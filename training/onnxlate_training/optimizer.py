"""Adam and Muon, and their state as tensors with names."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import overload

import torch
from torch import Tensor, nn

from onnxlate.errors import TrainingError

from .model import Transformer
from .recipe import OptimizerConfig

ADAM_KEYS = ("step", "exp_avg", "exp_avg_sq")

STEPS = 5
"""Rounds in which `orthogonal` nears what its name says."""

COEFFICIENTS = 3.4445, -4.7750, 2.0315
"""Of the polynomial that `orthogonal` applies to singular values: steepest at zero,
where most of them are, at the price of ending between 0.7 and 1.2 (Jordan 2024)."""

LIKE_ADAM = 0.2
"""Root mean square of an update of Adam's; so one learning rate fits both."""


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest matrices with all singular values about one: (N, R, C).

    Newton and Schulz's iteration, products alone and no decomposition.
    """
    wide = matrices.shape[1] <= matrices.shape[2]
    x = matrices if wide else matrices.transpose(1, 2)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)  # (N, small, large)
    a, b, c = COEFFICIENTS
    for _ in range(STEPS):
        square = x @ x.transpose(1, 2)  # (N, small, small)
        x = a * x + torch.baddbmm(square, square, square, beta=b, alpha=c) @ x
    return x if wide else x.transpose(1, 2)


class Muon(torch.optim.Optimizer):
    """Steepest descent for matrices as matrices: momentum, made orthogonal.

    Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks",
    with Nesterov's momentum; updates are scaled to the size of Adam's and weights
    decay as in Liu et al. 2025, "Muon is scalable for LLM training".
    """

    def __init__(
        self, matrices: Sequence[nn.Parameter], momentum: float, weight_decay: float
    ) -> None:
        self._momentum = momentum
        self._weight_decay = weight_decay
        super().__init__(matrices, {"lr": 0.0})
        for matrix in matrices:
            self.state[matrix]["momentum"] = torch.zeros_like(matrix)

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        assert closure is None
        for group in self.param_groups:
            # Matrices of one shape go through the products together.
            alike: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for matrix in group["params"]:
                alike[matrix.shape].append(matrix)
            for matrices in alike.values():
                self._move(matrices, group["lr"])
        return None

    def _move(self, matrices: list[nn.Parameter], rate: float) -> None:
        gradients = [matrix.grad for matrix in matrices if matrix.grad is not None]
        assert len(gradients) == len(matrices)
        momenta = [self.state[matrix]["momentum"] for matrix in matrices]
        # All at once: on a GPU each operation costs the same, however small.
        torch._foreach_lerp_(momenta, gradients, 1 - self._momentum)
        ahead = torch._foreach_lerp(gradients, momenta, self._momentum)
        directions = orthogonal(torch.stack(ahead)).unbind()
        scale = LIKE_ADAM * max(matrices[0].shape) ** 0.5
        torch._foreach_mul_(tuple(matrices), 1 - rate * self._weight_decay)
        torch._foreach_add_(tuple(matrices), directions, alpha=-rate * scale)


def build_optimizers(
    model: Transformer, config: OptimizerConfig
) -> list[torch.optim.Optimizer]:
    """Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019) or Muon.

    Muon moves the matrices of attention and feed-forward; the rest, which is
    embeddings, biases and norms, is AdamW's. The learning rate is 0 until an update
    sets it.
    """
    parameters = list(model.parameters())
    muon: list[nn.Parameter] = []
    if config.name == "muon":
        linears = [each for each in model.modules() if isinstance(each, nn.Linear)]
        names = {id(linear.weight) for linear in linears}
        muon = [each for each in parameters if id(each) in names]
        parameters = [each for each in parameters if id(each) not in names]
    kind = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    adam = kind(
        parameters,
        lr=0.0,
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        weight_decay=config.weight_decay,
        fused=True,
    )
    if not muon:
        return [adam]
    return [adam, Muon(muon, config.momentum, config.weight_decay)]


def moments_of(
    model: Transformer, optimizers: Sequence[torch.optim.Optimizer]
) -> dict[str, Tensor]:
    """The optimisers' state under the parameters' names, fit for safetensors."""
    return {
        f"{name}.{key}": value.detach().cpu()
        for optimizer in optimizers
        for name, parameter in model.named_parameters()
        if parameter in optimizer.state
        for key, value in optimizer.state[parameter].items()
    }


def load_moments(
    model: Transformer,
    optimizers: Sequence[torch.optim.Optimizer],
    moments: Mapping[str, Tensor],
) -> None:
    """Raises TrainingError if they are another model's or another optimiser's."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    for optimizer in optimizers:
        keys = ("momentum",) if isinstance(optimizer, Muon) else ADAM_KEYS
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                name = names[parameter]
                try:
                    # Copied: the tensors of a safetensors file are windows on it.
                    optimizer.state[parameter] = {
                        key: moments[f"{name}.{key}"].to(parameter.device, copy=True)
                        for key in keys
                    }
                except KeyError as cause:
                    raise TrainingError(
                        f"the optimiser's state has nothing on {name}; start anew"
                    ) from cause
