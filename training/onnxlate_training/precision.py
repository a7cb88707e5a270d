"""What a device multiplies in while it trains."""

import torch

from onnxlate.errors import ConfigError

from .recipe import Recipe


def training_precision(recipe: Recipe, device: torch.device) -> torch.dtype | None:
    """What training multiplies in; None is float32.

    Raises ConfigError where the CPU has no arithmetic of that kind.
    """
    wanted = recipe.train.precision
    if device.type == "cpu":
        if wanted in ("auto", "fp32"):
            return None
        able = torch.cpu.get_capabilities()
        if wanted == "fp16" or not (able.get("avx512_bf16") or able.get("amx_bf16")):
            raise ConfigError(
                f'train.precision is "{wanted}", which this CPU does not multiply; '
                "--set train.precision=fp32"
            )
        return torch.bfloat16
    if wanted == "fp32":
        return None
    if wanted == "auto":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if wanted == "bf16" else torch.float16
