import pytest
import torch
from torch import Tensor

from onnxlate.errors import TrainingError
from onnxlate_training.model import ModelConfig, Transformer
from onnxlate_training.optimizer import (
    LIKE_ADAM,
    build_optimizers,
    load_moments,
    moments_of,
    orthogonal,
)
from onnxlate_training.recipe import OptimizerConfig

SHAPE = ModelConfig(
    width=16, heads=2, feed_forward=32, encoder_layers=1, decoder_layers=1
)
RATE = 0.1


@pytest.fixture
def model() -> Transformer:
    torch.manual_seed(0)
    return Transformer(SHAPE, 9, 9)


def step(model: Transformer, by: list[torch.optim.Optimizer], seed: int) -> None:
    torch.manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    for optimizer in by:
        for group in optimizer.param_groups:
            group["lr"] = RATE
        optimizer.step()


@pytest.mark.parametrize("name", ["adam", "adamw", "muon"])
def test_an_optimiser_taken_up_from_its_tensors_goes_on_bit_for_bit(
    model: Transformer, name: str
) -> None:
    config = OptimizerConfig.model_validate({"name": name, "weight_decay": 0.1})
    other = Transformer(SHAPE, 9, 9)
    optimizers = build_optimizers(model, config)
    step(model, optimizers, 1)

    other.load_state_dict(model.state_dict())
    resumed = build_optimizers(other, config)
    load_moments(other, resumed, moments_of(model, optimizers))
    step(model, optimizers, 2)
    step(other, resumed, 2)

    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    with pytest.raises(TrainingError, match="nothing on source_embedding"):
        load_moments(other, resumed, {})


def test_a_run_of_adams_is_not_gone_on_with_by_muon(model: Transformer) -> None:
    adam = build_optimizers(model, OptimizerConfig())
    step(model, adam, 1)
    muon = build_optimizers(model, OptimizerConfig(name="muon"))

    with pytest.raises(TrainingError, match="start anew"):
        load_moments(model, muon, moments_of(model, adam))


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 8, 24), (2, 24, 8)])
def test_matrices_are_made_orthogonal_and_keep_their_directions(
    shape: tuple[int, int, int],
) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(shape)

    result = orthogonal(matrices)

    assert result.shape == shape
    values = torch.linalg.svdvals(result)
    assert values.min() > 0.5
    assert values.max() < 1.3
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    nearest = left @ right
    assert torch.cosine_similarity(result.flatten(), nearest.flatten(), dim=0) > 0.97


def sizes_of_moves(
    model: Transformer, name: str, decay: float = 0.0
) -> dict[str, Tensor]:
    config = OptimizerConfig.model_validate({"name": name, "weight_decay": decay})
    before = {key: value.clone() for key, value in model.state_dict().items()}
    step(model, build_optimizers(model, config), 1)
    return {
        key: (value - before[key]).square().mean().sqrt()
        for key, value in model.state_dict().items()
    }


def test_muon_moves_matrices_as_far_as_adam_would_and_leaves_the_rest_to_adam(
    model: Transformer,
) -> None:
    other = Transformer(SHAPE, 9, 9)
    other.load_state_dict(model.state_dict())
    muon, adam = sizes_of_moves(model, "muon"), sizes_of_moves(other, "adam")

    for key, size in muon.items():
        if "norm" in key or "bias" in key or "embedding" in key or "generator" in key:
            assert size == adam[key], key
        else:
            assert 0.5 * LIKE_ADAM * RATE < size < 1.3 * LIKE_ADAM * RATE, key


def test_weights_decay_beside_muon(model: Transformer) -> None:
    name = "encoder.layers.0.feed_forward.inner.weight"
    other = Transformer(SHAPE, 9, 9)
    other.load_state_dict(model.state_dict())
    start = model.state_dict()[name].clone()
    sizes_of_moves(model, "muon", decay=0.5)
    sizes_of_moves(other, "muon")

    shrunk = other.state_dict()[name] - RATE * 0.5 * start
    torch.testing.assert_close(model.state_dict()[name], shrunk)
