"""Adam, and its state as tensors with names."""

from collections.abc import Mapping

import torch
from torch import Tensor

from onnxlate.errors import TrainingError

from .model import Transformer
from .recipe import OptimizerConfig

STATE_KEYS = ("step", "exp_avg", "exp_avg_sq")


def build_optimizer(model: Transformer, config: OptimizerConfig) -> torch.optim.Adam:
    """Adam (Kingma and Ba 2015) or AdamW (Loshchilov and Hutter 2019).

    The learning rate is 0 until an update sets it.
    """
    kind = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    return kind(
        model.parameters(),
        lr=0.0,
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        weight_decay=config.weight_decay,
        fused=True,
    )


def moments_of(model: Transformer, optimizer: torch.optim.Adam) -> dict[str, Tensor]:
    """The optimiser's state under the parameters' names, fit for safetensors."""
    return {
        f"{name}.{key}": value.detach().cpu()
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state[parameter].items()
    }


def load_moments(
    model: Transformer, optimizer: torch.optim.Adam, moments: Mapping[str, Tensor]
) -> None:
    """Raises TrainingError if they are another model's."""
    for name, parameter in model.named_parameters():
        try:
            # Copied, since the tensors of a safetensors file are windows on the file.
            optimizer.state[parameter] = {
                key: moments[f"{name}.{key}"].to(parameter.device, copy=True)
                for key in STATE_KEYS
            }
        except KeyError as cause:
            raise TrainingError(
                f"the optimiser's state has nothing on {name}; start anew"
            ) from cause
