"""What makes a Transformer a Transformer; true of any implementation."""

import math

import pytest
import torch
from torch import Tensor, nn

from onnxlate_training.loss import consistent_loss, smoothed_loss
from onnxlate_training.model import (
    SIZES,
    Dropout,
    Memory,
    ModelConfig,
    MultiHeadAttention,
    Transformer,
    attention,
    attention_weights,
    fused_attention,
    positional_encoding,
    visible_past,
    visible_words,
)

SMALL = ModelConfig(
    width=16,
    heads=2,
    feed_forward=32,
    encoder_layers=2,
    decoder_layers=2,
    dropout=0.0,
    max_positions=32,
)


def model(**changes: object) -> Transformer:
    torch.manual_seed(0)
    config = ModelConfig.model_validate(SMALL.model_dump() | changes)
    return Transformer(config, source_vocabulary=20, target_vocabulary=20).eval()


def test_one_kernel_attends_as_the_steps_do() -> None:
    """It is for GPUs, but comes to the same here."""
    torch.manual_seed(0)
    queries, keys, values = (torch.randn(2, 3, 5, 4) for _ in range(3))
    lengths = visible_words(torch.tensor([2, 5]), 5)[:, None, None]

    for visible in (lengths, visible_past(5)[None, None]):
        steps = attention(queries, keys, values, visible, Dropout(0.0))
        fused = fused_attention(queries, keys, values, visible, 0.0)
        torch.testing.assert_close(fused, steps)


def test_moving_on_by_k_is_one_linear_map_whatever_the_position() -> None:
    table = positional_encoding(50, 8).double()
    for k in (1, 3, 10):
        here, there = table[: 50 - k], table[k:]

        turn = torch.linalg.lstsq(here, there).solution

        torch.testing.assert_close(here @ turn, there, atol=1e-5, rtol=0)


def test_positions_are_the_papers_sinusoids() -> None:
    table = positional_encoding(4, 6)

    assert table[3, 2].item() == pytest.approx(math.sin(3 / 10000 ** (2 / 6)))
    assert table[3, 3].item() == pytest.approx(math.cos(3 / 10000 ** (2 / 6)))


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("activation", ["relu", "gelu", "silu"])
def test_no_future_token_changes_an_earlier_output(norm: str, activation: str) -> None:
    transformer = model(norm=norm, activation=activation)
    source, seen = torch.tensor([[5, 6, 7]]), torch.ones(1, 3, dtype=torch.bool)
    one, other = torch.tensor([[2, 8, 9, 10]]), torch.tensor([[2, 8, 9, 17]])

    first, second = transformer(source, seen, one), transformer(source, seen, other)

    torch.testing.assert_close(first[:, :3], second[:, :3], atol=0, rtol=0)
    assert not torch.equal(first[:, 3], second[:, 3])


def test_whatever_stands_in_the_padding_changes_nothing() -> None:
    transformer = model()
    visible = visible_words(torch.tensor([3]), 5)
    target = torch.tensor([[2, 8, 9]])
    alone = transformer(torch.tensor([[5, 6, 7]]), visible[:, :3], target)

    for junk in ([0, 0], [19, 4]):
        source = torch.tensor([[5, 6, 7, *junk]])

        torch.testing.assert_close(transformer(source, visible, target), alone)


def test_what_stands_behind_a_target_changes_nothing_in_it() -> None:
    transformer = model()
    source, seen = torch.tensor([[5, 6, 7]]), torch.ones(1, 3, dtype=torch.bool)
    alone = transformer(source, seen, torch.tensor([[2, 8, 9]]))

    for junk in ([0, 0], [19, 4]):
        target = torch.tensor([[2, 8, 9, *junk]])

        padded = transformer(source, seen, target)[:, :3]

        torch.testing.assert_close(padded, alone)


def test_a_row_that_sees_nothing_gives_no_nan() -> None:
    attention = MultiHeadAttention(SMALL)
    x = torch.randn(1, 3, 16)

    blind = attention(x, x, torch.zeros(1, 1, 3, 3, dtype=torch.bool))

    assert blind.isfinite().all()


def test_heads_split_and_join_without_mixing_rows() -> None:
    attention = MultiHeadAttention(SMALL)
    x = torch.arange(2 * 3 * 16.0).view(2, 3, 16)

    heads = attention.split(x)

    assert heads.shape == (2, 2, 3, 8)
    assert torch.equal(heads[1, 0, 2], x[1, 2, :8])
    assert torch.equal(heads[1, 1, 2], x[1, 2, 8:])
    assert torch.equal(attention.join(heads), x)


def test_scores_keep_their_variance_whatever_the_width_of_a_head() -> None:
    torch.manual_seed(0)
    for width in (4, 64, 256):
        queries, keys = torch.randn(2, 1, 1, 500, width)
        visible = torch.ones(1, 1, 500, 500, dtype=torch.bool)

        weights = attention_weights(queries, keys, visible)

        # The logarithm of a softmax is the scores up to a constant per row.
        assert weights.log().var(dim=-1).mean().item() == pytest.approx(1, abs=0.15)
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(1, 1, 500))


def test_layer_norm_does_not_depend_on_batch_mates_and_batch_norm_would() -> None:
    torch.manual_seed(0)
    x, mates = torch.randn(1, 16), torch.randn(3, 16)
    layer, batch = nn.LayerNorm(16), nn.BatchNorm1d(16)

    def beside(norm: nn.Module, others: Tensor) -> Tensor:
        first: Tensor = norm(torch.cat([x, others]))[0]
        return first

    assert torch.equal(beside(layer, mates), beside(layer, 5 * mates))
    assert not torch.allclose(beside(batch, mates), beside(batch, 5 * mates))


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_steps_with_caches_say_what_the_whole_sentence_says(norm: str) -> None:
    transformer = model(norm=norm)
    source, target = torch.tensor([[5, 6, 7], [8, 9, 3]]), torch.tensor([[2, 4, 6, 8]])
    seen = torch.tensor([[True, True, True], [True, True, False]])
    whole = transformer.generator(transformer(source, seen, target.expand(2, 4)))

    cross = transformer.cross(source, seen)
    # Junk in the cache, as an earlier sentence would leave it.
    past = [(torch.full((2, 2, 6, 8), 1e3),) * 2 for _ in cross]
    for age in range(1, 5):
        # The second row is one step behind the first.
        ages = torch.tensor([age, max(age - 1, 0)])
        newest = target[0, (ages - 1).clamp(min=0)]
        logits, past = transformer.step(
            newest,
            visible_words(ages, 6),
            seen,
            [Memory(*c, *p) for c, p in zip(cross, past, strict=True)],
        )

        assert logits.isfinite().all()
        torch.testing.assert_close(logits[0], whole[0, age - 1])
        if age > 1:
            torch.testing.assert_close(logits[1], whole[1, age - 2])


def test_tied_embeddings_are_one_and_the_same() -> None:
    shared, output, apart = (model(tying=tying) for tying in ("all", "output", "none"))

    assert shared.source_embedding.weight is shared.generator.weight
    assert output.target_embedding.weight is output.generator.weight
    assert output.source_embedding.weight is not output.generator.weight
    assert output.num_parameters() - shared.num_parameters() == 20 * 16
    assert apart.num_parameters() - output.num_parameters() == 20 * 16
    with pytest.raises(ValueError, match="one vocabulary"):
        Transformer(SMALL, source_vocabulary=20, target_vocabulary=21)


def test_base_has_the_papers_size() -> None:
    # 65 M parameters with a joint vocabulary of 37,000; table 3.
    base = Transformer(SIZES["base"], 37_000, 37_000)

    assert base.num_parameters() == pytest.approx(65e6, rel=0.05)


def test_dropout_keeps_the_expectation_and_repeats_from_a_seed() -> None:
    dropout, x = Dropout(0.3), torch.ones(200, 501)
    torch.manual_seed(1)
    first = dropout(x)
    torch.manual_seed(1)
    again = dropout(x)

    assert torch.equal(first, again)
    assert first.mean().item() == pytest.approx(1, abs=0.01)
    assert (first == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert dropout.eval()(x) is x


def assert_same_gradients(
    ours: torch.Tensor, theirs: torch.Tensor, inputs: tuple[torch.Tensor, ...]
) -> None:
    """And the same loss."""
    torch.testing.assert_close(ours, theirs)
    for mine, reference in zip(
        torch.autograd.grad(3 * ours, inputs),
        torch.autograd.grad(3 * theirs, inputs),
        strict=True,
    ):
        torch.testing.assert_close(mine, reference, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_sliced_loss_is_cross_entropy(smoothing: float) -> None:
    torch.manual_seed(0)
    vectors = torch.randn(1100, 8, requires_grad=True)  # three slices, the last short
    weight = torch.randn(30, 8, requires_grad=True)
    targets = torch.randint(30, (1100,))

    ours = smoothed_loss(vectors, weight, targets, smoothing)
    theirs = nn.functional.cross_entropy(
        vectors @ weight.T, targets, reduction="sum", label_smoothing=smoothing
    )

    assert_same_gradients(ours, theirs, (vectors, weight))


def test_the_sliced_loss_of_two_guesses_is_the_formula() -> None:
    torch.manual_seed(0)
    vectors = torch.randn(1400, 8, requires_grad=True)
    weight = torch.randn(30, 8, requires_grad=True)
    targets = torch.randint(30, (700,))

    ours = consistent_loss(vectors, weight, targets, 0.1, 3.0)
    logits = vectors @ weight.T
    entropy = nn.functional.cross_entropy(
        logits, targets.repeat(2), reduction="sum", label_smoothing=0.1
    )
    one, other = logits.log_softmax(dim=1).chunk(2)
    there = nn.functional.kl_div(one, other, reduction="sum", log_target=True)
    back = nn.functional.kl_div(other, one, reduction="sum", log_target=True)
    theirs = entropy / 2 + 3.0 / 4 * (there + back)

    assert_same_gradients(ours, theirs, (vectors, weight))


def test_the_loss_in_half_precision_is_near_that_in_whole() -> None:
    torch.manual_seed(0)
    vectors = torch.randn(1100, 64, requires_grad=True)
    weight = torch.randn(300, 64, requires_grad=True)
    targets = torch.randint(300, (550,))

    whole = consistent_loss(vectors, weight, targets, 0.1, 3.0)
    with torch.autocast("cpu", torch.bfloat16):
        half = consistent_loss(vectors, weight, targets, 0.1, 3.0)

    assert half.dtype == torch.float32
    torch.testing.assert_close(half, whole, rtol=1e-3, atol=0.0)
    for rough, exact in zip(
        torch.autograd.grad(half, (vectors, weight)),
        torch.autograd.grad(whole, (vectors, weight)),
        strict=True,
    ):
        assert rough.dtype == torch.float32
        assert (rough - exact).norm() < 0.05 * exact.norm()


def test_the_masks_are_what_they_are_called() -> None:
    assert visible_words(torch.tensor([2, 0]), 3).tolist() == [
        [True, True, False],
        [False, False, False],
    ]
    assert visible_past(3).tolist() == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]
