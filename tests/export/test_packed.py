"""Packed layers compute what they computed, and can be as they were."""

import torch
from torch import nn

from onnxlate_export.packed import packed
from onnxlate_export.side_by_side import side_by_side
from onnxlate_training.model import Generator


def test_packed_layers_multiply_as_plain_ones() -> None:
    torch.manual_seed(1)
    weight = nn.Parameter(torch.randn(7, 5))
    model = nn.Sequential(
        nn.Linear(4, 6), nn.Linear(6, 5, bias=False), Generator(weight, torch.ones(7))
    )
    vectors = torch.randn(2, 3, 4)
    with torch.inference_mode():
        plain = model(vectors)

        with packed(model):
            quick = model(vectors)
            assert all("forward" in vars(layer) for layer in model)

        assert not any("forward" in vars(layer) for layer in model)
        torch.testing.assert_close(quick, plain)


def test_threads_are_shared_out_and_given_back() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(6)
        with side_by_side() as pool:
            assert pool.submit(torch.get_num_threads).result() == 1
        assert torch.get_num_threads() == 6
        torch.set_num_threads(8)
        with side_by_side() as pool:
            assert pool.submit(torch.get_num_threads).result() == 2
    finally:
        torch.set_num_threads(before)
