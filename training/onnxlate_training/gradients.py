"""An update's gradient: the sum of its batches', whichever process learnt from them.

float32 has 24 bits and float64 53, so that sums of a few float32 numbers come out exact
unless one is a hundred million times another; then the order in which they are added
makes no difference, and a run of three processes is that of one to the bit.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, distributed, nn

from .workers import Worker

KINDS = {"fp64": torch.float64, "fp32": torch.float32, "bf16": torch.bfloat16}


class Gradients:
    """Adds up what `backward` leaves at the parameters, and puts the sum there."""

    def __init__(
        self, parameters: Sequence[nn.Parameter], worker: Worker, exchange: str
    ) -> None:
        """`exchange`, one of KINDS, is what processes send each other."""
        self._parameters = parameters
        self._worker = worker
        self._kind = KINDS[exchange]
        # Of all parameters, one behind the other.
        self._sums = torch.zeros(
            sum(each.numel() for each in parameters),
            dtype=torch.float64,
            device=worker.device,
        )
        self._views = _parts(self._sums, parameters)

    @torch.no_grad()
    def add(self) -> None:
        """A batch has been learnt from; the next one's gradient begins at nothing."""
        for parameter, view in zip(self._parameters, self._views, strict=True):
            if parameter.grad is not None:
                view += parameter.grad
                parameter.grad = None

    @torch.no_grad()
    def settle(self) -> None:
        """The update's gradient is at the parameters, and the next one begins.

        Every process calls it once for each update, whatever it has added.
        """
        sums = self._sums
        if self._worker.world > 1:
            sums = sums.to(self._kind)  # in fp64 it stays itself
            distributed.all_reduce(sums)
        rounded = _parts(sums.float(), self._parameters)
        for parameter, part in zip(self._parameters, rounded, strict=True):
            parameter.grad = part
        self._sums.zero_()


def _parts(flat: Tensor, parameters: Sequence[nn.Parameter]) -> list[Tensor]:
    """Windows on it, one for each parameter and of its shape."""
    parts = torch.split(flat, [each.numel() for each in parameters])
    return [part.view_as(each) for part, each in zip(parts, parameters, strict=True)]


def made_alike(tensors: Sequence[Tensor], worker: Worker) -> None:
    """Gives every process the leader's."""
    if worker.world > 1:
        for each in tensors:
            distributed.broadcast(each.detach(), src=0)
