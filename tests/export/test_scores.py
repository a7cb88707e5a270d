"""Rough scores say how rough they are, and never too little."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch
from torch import nn

from onnxlate_export.products import Dense
from onnxlate_export.scores import TALLEST, reach, write_scores
from onnxlate_export.writer import FLOAT, GraphWriter

WIDTH, VOCABULARY = 64, 500
LOUD = 7
"""A channel with a hundred times the others' gain."""

Floats = npt.NDArray[np.float32]
Scores = dict[str, npt.NDArray[Any]]


@pytest.fixture(scope="module")
def weight() -> Floats:
    weight = np.random.default_rng(1).standard_normal((VOCABULARY, WIDTH), np.float32)
    weight[5] = 0  # a token that was never trained
    weight[:, LOUD] /= 100
    return weight


@pytest.fixture(scope="module")
def norm() -> nn.LayerNorm:
    norm = nn.LayerNorm(WIDTH)
    norm.weight.data[LOUD] = 100
    norm.bias.data.normal_(generator=torch.Generator().manual_seed(2))
    return norm


@pytest.fixture(scope="module")
def session(weight: Floats, norm: nn.LayerNorm) -> onnxruntime.InferenceSession:
    graph = GraphWriter()
    graph.input("x", FLOAT, ["rows", WIDTH])
    graph.output("logits", FLOAT, ["rows", VOCABULARY])
    write_scores(graph, "x", Dense("table", weight, None), reach(norm))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph.model().SerializeToString(), options)


@pytest.fixture(scope="module")
def vectors(norm: nn.LayerNorm) -> Floats:
    """What a norm gives, and some rows that are far beyond what it does."""
    drawn = torch.randn(200, WIDTH, generator=torch.Generator().manual_seed(3))
    vectors: Floats = norm(drawn).detach().numpy()
    vectors[-20:] *= 10 * TALLEST
    return vectors


def scores(session: onnxruntime.InferenceSession, x: Floats, rough: bool) -> Scores:
    names = ["logits", "logits_error", "decoded"]
    inputs = {"x": x, "approximate": np.array(rough)}
    return dict(zip(names, session.run(names, inputs), strict=True))


def test_nobody_need_ask_for_exact_scores(
    session: onnxruntime.InferenceSession, weight: Floats, vectors: Floats
) -> None:
    logits, error = session.run(["logits", "logits_error"], {"x": vectors})

    np.testing.assert_allclose(logits, vectors @ weight.T, rtol=1e-4, atol=1e-3)
    exact = vectors.astype(np.float64) @ weight.T.astype(np.float64)
    assert (np.abs(logits - exact).max(axis=1) <= error).all()
    assert (error < 1e-3 * np.abs(logits).max(axis=1)).all()


def test_rough_scores_are_off_by_no_more_than_they_say(
    session: onnxruntime.InferenceSession, weight: Floats, vectors: Floats
) -> None:
    rough = scores(session, vectors, rough=True)

    exact = vectors.astype(np.float64) @ weight.T.astype(np.float64)
    off = np.abs(rough["logits"] - exact).max(axis=1)
    assert off.max() > 0
    assert (off <= rough["logits_error"]).all()


def test_what_they_say_is_of_use(
    session: onnxruntime.InferenceSession, weight: Floats, vectors: Floats
) -> None:
    """A few tokens are within reach of the highest, not hundreds."""
    usual = vectors[:-20]
    rough = scores(session, usual, rough=True)

    least = rough["logits"].max(axis=1) - 2 * rough["logits_error"]
    within_reach = (rough["logits"] >= least[:, None]).sum(axis=1)
    assert within_reach.mean() < 5


def test_what_the_scores_are_made_from_comes_out_as_it_is(
    session: onnxruntime.InferenceSession, vectors: Floats
) -> None:
    np.testing.assert_array_equal(
        scores(session, vectors, rough=True)["decoded"], vectors
    )


def test_a_row_is_bitwise_the_same_alone_and_in_company(
    session: onnxruntime.InferenceSession, vectors: Floats
) -> None:
    together = scores(session, vectors, rough=True)

    for row in (0, 100, 199):
        alone = scores(session, vectors[row : row + 1], rough=True)
        for name, value in alone.items():
            np.testing.assert_array_equal(value[0], together[name][row])
