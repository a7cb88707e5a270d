"""What of a source was looked at decides which of a beam's hypotheses is the best."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from onnxlate import AsyncClient
from onnxlate.answer import Sampling
from onnxlate.bundle import MANIFEST_NAME, AlignmentInfo, AttentionHead, Bundle
from onnxlate.errors import BundleError, InvalidRequest, Unavailable
from onnxlate.messages import Hypothesis, Translation
from onnxlate_serving.config import (
    RequestLimits,
    RuntimeConfig,
    SchedulerConfig,
    ServerConfig,
)
from onnxlate_serving.coverage import LEAST, covered
from onnxlate_serving.deployment import Deployment, looking_at
from onnxlate_serving.engines import build_engines
from onnxlate_serving.options import TranslateOptions
from onnxlate_serving.sessions import Sessions

from .handmade import HASHED, LAYERS, write_bundle
from .serving import ANYWHERE, served

TEXTS = [
    "one two three",
    "ten nine eight seven six",
    "four four four",
    "eleven twelve one",
    "two",
    "",
]
BEAM = 5


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = tmp_path_factory.mktemp("aligned") / "bundle"
    return Bundle.open(write_bundle(path, aligned_by=HASHED))


@pytest.fixture
async def client(aligned: Bundle) -> AsyncIterator[AsyncClient]:
    config = ServerConfig(bundles=(aligned.path,), listen=ANYWHERE)
    async with served(config) as address, AsyncClient(address) as client:
        yield client


def test_it_is_the_sum_of_logarithms_of_what_was_looked_at() -> None:
    info = AlignmentInfo(
        heads=(AttentionHead(layer=0, head=0),),
        step="scored",
        copied_words=0,
        copied_linked=0,
    )
    # Before every source stands a token, behind it the end, which are nothing said.
    looked = [[0.1, 0.6, 0.2, 0.0, 0.1], [0.1, 0.7, 0.1, 0.0, 0.1]]
    seen = np.array([*looked, [0.2] * 5], np.float32)[None, None]

    found = covered(seen, info, 1)

    # 1.3 of the first word is as good as 1.
    assert found == pytest.approx(np.log(1) + np.log(0.3) + np.log(LEAST))


def penalised(hypothesis: Hypothesis, penalty: float) -> float:
    """Equation 14, of the attention that was sent."""
    assert hypothesis.score is not None
    if not hypothesis.attention:
        return hypothesis.score
    [sent] = hypothesis.attention
    weights = np.array(sent.weights).reshape(
        LAYERS, -1, len(sent.target_pieces), len(sent.source_pieces)
    )
    looked = weights[HASHED.layer, HASHED.head, 1:, :-1].sum(axis=0)
    return float(hypothesis.score + penalty * np.log(looked.clip(1e-4, 1)).sum())


async def beams(client: AsyncClient, penalty: float = 0) -> list[Translation]:
    return await client.translate(
        TEXTS,
        beam_size=BEAM,
        num_hypotheses=BEAM,
        return_scores=True,
        return_attention=True,
        coverage_penalty=penalty,
    )


@pytest.mark.parametrize("penalty", [0.01, 0.2])
async def test_the_best_are_those_of_equation_14(
    client: AsyncClient, penalty: float
) -> None:
    without = await beams(client)
    with_it = await beams(client, penalty)

    changed = 0
    for before, after in zip(without, with_it, strict=True):
        assert set(after.hypotheses) == set(before.hypotheses)
        values = [penalised(each, penalty) for each in after.hypotheses]
        reasons = [each.finish_reason.value for each in after.hypotheses]
        assert [*zip(reasons, values, strict=True)] == sorted(
            zip(reasons, values, strict=True), key=lambda each: (each[0], -each[1])
        )
        changed += after.text != before.text
    assert changed or penalty < 0.1


async def test_it_chooses_among_all_that_the_beam_has_found(
    client: AsyncClient,
) -> None:
    all_of_them = await beams(client, 0.2)
    best = await client.translate(TEXTS, beam_size=BEAM, coverage_penalty=0.2)
    off = await client.translate(TEXTS, beam_size=BEAM, coverage_penalty=0)
    plain = await client.translate(TEXTS, beam_size=BEAM)

    assert [each.text for each in best] == [each.text for each in all_of_them]
    assert all(len(each.hypotheses) == 1 for each in best)
    assert best[0].options["coverage_penalty"] == pytest.approx(0.2)
    assert off == plain != best


def with_defaults(bundle: Bundle, path: Path, **defaults: float) -> Path:
    shutil.copytree(bundle.path, path)
    manifest = json.loads((path / MANIFEST_NAME).read_text(encoding="utf-8"))
    manifest["defaults"] |= defaults
    (path / MANIFEST_NAME).write_text(json.dumps(manifest), encoding="utf-8")
    return path


@pytest.mark.parametrize("usual", [1, BEAM])
async def test_a_model_can_have_a_penalty_of_its_own(
    aligned: Bundle, tmp_path: Path, usual: int
) -> None:
    path = with_defaults(
        aligned, tmp_path / "penalised", coverage_penalty=0.2, beam_size=usual
    )
    config = ServerConfig(bundles=(path,), listen=ANYWHERE)
    async with served(config) as address, AsyncClient(address) as client:
        asked = await client.translate(TEXTS, beam_size=BEAM, coverage_penalty=0.2)
        unsaid = await client.translate(TEXTS, beam_size=BEAM)
        off = await client.translate(TEXTS, beam_size=BEAM, coverage_penalty=0)
        greedy = await client.translate(TEXTS, beam_size=1)
        drawn = await client.translate(TEXTS, sampling=Sampling())
        [model] = await client.models()

    assert unsaid == asked != off
    for each in (greedy, drawn):
        assert each[0].options["coverage_penalty"] == 0
    told = 0.2 if usual > 1 else 0
    assert model.default_options["coverage_penalty"] == pytest.approx(told)


def test_a_penalty_needs_a_graph_that_tells(bundle: Bundle, tmp_path: Path) -> None:
    path = with_defaults(bundle, tmp_path / "penalised", coverage_penalty=0.2)

    with pytest.raises(BundleError, match="needs an attention graph"):
        Bundle.open(path)


@pytest.mark.parametrize("penalty", [-0.1, 11, float("inf")])
def test_no_model_has_one_that_nobody_may_ask_for(
    aligned: Bundle, tmp_path: Path, penalty: float
) -> None:
    path = with_defaults(aligned, tmp_path / "penalised", coverage_penalty=penalty)

    with pytest.raises(BundleError, match="coverage_penalty"):
        Bundle.open(path)


def test_a_bundle_without_one_keeps_its_digest_and_its_text(
    aligned: Bundle, tmp_path: Path
) -> None:
    """As it was before there were such penalties."""
    same = with_defaults(aligned, tmp_path / "same", coverage_penalty=0)
    other = with_defaults(aligned, tmp_path / "other", coverage_penalty=0.2)

    assert Bundle.open(same).manifest.digest() == aligned.manifest.digest()
    assert "coverage_penalty" not in Bundle.open(same).manifest.text()
    changed = Bundle.open(other).manifest
    assert changed.digest() != aligned.manifest.digest()
    assert json.loads(changed.text())["defaults"]["coverage_penalty"] == 0.2


async def test_what_is_remembered_is_in_order_already(aligned: Bundle) -> None:
    scheduler = SchedulerConfig()
    sessions = Sessions(aligned, RuntimeConfig(device="cpu", workers=1, threads=1))
    eyes = looking_at(aligned, sessions, scheduler)
    engines = build_engines(aligned, sessions, scheduler)
    model = Deployment(aligned, engines, RequestLimits(), 9, looking=eyes)
    await model.start(limit_s=30)
    try:
        some, more, others = (
            TranslateOptions(BEAM, wanted, coverage_penalty=penalty)
            for wanted, penalty in ((1, 0.2), (2, 0.2), (1, 0.1))
        )
        first = await model.translator.translate(TEXTS, some)
        assert eyes
        eyes.stop()

        assert await model.translator.translate(TEXTS, some) == first
        [best, _] = (await model.translator.translate(TEXTS[:1], more))[0].hypotheses
        assert best == first[0].hypotheses[0]
        with pytest.raises(Unavailable):
            await model.translator.translate(TEXTS, others)
    finally:
        await model.stop()


async def test_a_stream_ends_in_the_same_hypothesis(client: AsyncClient) -> None:
    for text in TEXTS:
        [whole] = await client.translate([text], beam_size=BEAM, coverage_penalty=0.2)
        async with client.stream(text, beam_size=BEAM, coverage_penalty=0.2) as pieces:
            said = "".join([piece async for piece in pieces])

        assert said == whole.text
        assert pieces.result.hypotheses == whole.hypotheses


async def test_a_beam_of_one_has_nothing_to_choose_from(client: AsyncClient) -> None:
    with pytest.raises(InvalidRequest, match="the hypotheses of a beam"):
        await client.translate(["one"], beam_size=1, coverage_penalty=0.2)
    with pytest.raises(InvalidRequest, match="must be from 0 to 10"):
        await client.translate(["one"], beam_size=2, coverage_penalty=-1)


async def test_a_model_that_cannot_say_where_it_looked_is_not_asked(
    bundle: Bundle,
) -> None:
    config = ServerConfig(bundles=(bundle.path,), listen=ANYWHERE)
    async with served(config) as address, AsyncClient(address) as client:
        with pytest.raises(InvalidRequest, match="has no attention graph"):
            await client.translate(["one"], beam_size=2, coverage_penalty=0.2)
        [fine] = await client.translate(["one"], beam_size=2, coverage_penalty=0)

    assert fine.text
