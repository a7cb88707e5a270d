"""What is remembered of requests' options, and what must not be."""

import gc
from pathlib import Path

import pytest

from onnxlate.answer import Term
from onnxlate.errors import InvalidRequest
from onnxlate.v1 import translation_pb2 as pb
from onnxlate_serving.asked import MOST_BYTES, Asking
from onnxlate_serving.config import ServerConfig
from onnxlate_serving.deployment import Deployment
from onnxlate_serving.glossary import Glossaries
from onnxlate_serving.options import MAX_TERMS, REMEMBERED, TranslateOptions

from .handmade import write_bundle

WIDE = pb.TranslateOptions(beam_size=5, return_scores=True)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    folder = tmp_path_factory.mktemp("asked")
    glossaries = folder / "glossaries"
    glossaries.mkdir()
    (glossaries / "house.tsv").write_text("one\tuno\n")
    path = write_bundle(folder / "bundle")
    config = ServerConfig(bundles=(path,))
    return Deployment.open(path, config, Glossaries(glossaries))


@pytest.mark.parametrize("options", [pb.TranslateOptions(), WIDE])
def test_the_same_options_come_to_the_same(
    deployment: Deployment, options: pb.TranslateOptions
) -> None:
    asking = Asking()
    again = pb.TranslateOptions.FromString(options.SerializeToString())

    asked = asking.of(deployment, options)

    assert asking.of(deployment, again) is asked
    assert asked.options.beam_size == (options.beam_size or 1)
    assert asked.message.beam_size == (options.beam_size or 1)


def test_each_model_has_its_own(deployment: Deployment, tmp_path: Path) -> None:
    asking = Asking()
    path = write_bundle(tmp_path / "bundle")
    other = Deployment.open(path, ServerConfig(bundles=(path,)))

    assert asking.of(deployment, WIDE) is not asking.of(other, WIDE)


@pytest.mark.parametrize(
    "options",
    [
        pb.TranslateOptions(glossary="house"),
        pb.TranslateOptions(banned_phrases=["w" * (MOST_BYTES // 20)] * 20),
    ],
    ids=["a name whose words may change", "many words"],
)
def test_what_may_change_or_is_large_is_looked_at_anew(
    deployment: Deployment, options: pb.TranslateOptions
) -> None:
    asking = Asking()

    assert asking.of(deployment, options) is not asking.of(deployment, options)


def test_no_more_are_remembered_than_the_latest(deployment: Deployment) -> None:
    asking = Asking()
    first = asking.of(deployment, pb.TranslateOptions(max_target_tokens=1))

    for number in range(2, REMEMBERED + 1):
        asking.of(deployment, pb.TranslateOptions(max_target_tokens=number))
    kept = asking.of(deployment, pb.TranslateOptions(max_target_tokens=1))
    asking.of(deployment, WIDE)
    forgotten = asking.of(deployment, pb.TranslateOptions(max_target_tokens=1))

    assert kept is first
    assert forgotten is not first


def test_what_cannot_be_is_refused_every_time(deployment: Deployment) -> None:
    asking = Asking()

    for _ in range(2):
        with pytest.raises(InvalidRequest, match="beam_size is 1000"):
            asking.of(deployment, pb.TranslateOptions(beam_size=1000))


@pytest.mark.parametrize("beam_size", [1, 2])
async def test_options_that_are_refused_are_not_kept(
    deployment: Deployment, beam_size: int
) -> None:
    many = tuple(Term(f"one {number}", "uno") for number in range(MAX_TERMS + 1))
    with pytest.raises(InvalidRequest, match="a request has at most"):
        options = TranslateOptions(beam_size=beam_size, terms=many)
        await deployment.translator.translate(["one"], options)
    del options
    gc.collect()
    kept = [each for each in gc.get_objects() if type(each) is TranslateOptions]
    assert not any(each.terms == many for each in kept)


@pytest.mark.parametrize(
    "options",
    [
        TranslateOptions(terms=(Term("one", "uno"),)),
        TranslateOptions(target_prefix="one"),
        TranslateOptions(banned_phrases=("one",)),
    ],
    ids=["terms", "prefix", "ban"],
)
def test_what_is_large_is_kept_ready_once(
    deployment: Deployment, options: TranslateOptions
) -> None:
    translator = deployment.layers.sentences
    before = translator._simple.cache_info().currsize

    wishes = translator._wishes(options)

    assert translator._simple.cache_info().currsize == before
    assert translator._wishes(options) == wishes
