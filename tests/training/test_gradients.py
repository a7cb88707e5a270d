"""The sum of gradients is one number, however its parts come."""

from itertools import permutations

import torch
from torch import Tensor, nn

from onnxlate_training.gradients import Gradients
from onnxlate_training.workers import Worker

ALONE = Worker(rank=0, world=1, device=torch.device("cpu"))

# In float32 the order matters: what is added to 16777216 must be two to be seen.
PARTS = [[1.0, 16777216.0, 1.0], [16777216.0, 1.0, 1.0], [1.0, 1.0, 0.0]]
SUM = [16777218.0, 16777218.0, 2.0]


def summed(parts: list[Tensor]) -> Tensor:
    parameter = nn.Parameter(torch.zeros(3))
    untouched = nn.Parameter(torch.zeros(2, 2))
    gradients = Gradients([untouched, parameter], ALONE, "fp64")
    for _ in range(2):  # the second update begins at nothing
        parameter.grad = None  # as an optimiser's zero_grad does
        for part in parts:
            (parameter * part).sum().backward()  # type: ignore[no-untyped-call]
            gradients.add()
        gradients.settle()
    assert untouched.grad is not None
    assert not untouched.grad.any()
    assert parameter.grad is not None
    return parameter.grad


def test_the_order_of_batches_makes_no_difference() -> None:
    parts = [torch.tensor(part) for part in PARTS]
    orders = list(permutations(parts))
    in_float32 = {tuple((a + b + c).tolist()) for a, b, c in orders}
    assert len(in_float32) > 1

    found = [summed(list(order)).tolist() for order in orders]

    assert found == [SUM] * len(orders)
