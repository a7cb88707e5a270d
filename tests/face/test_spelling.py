"""Text that is put together here is what SentencePiece makes of the same ids."""

import io
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from onnxlate.spelling import Spelling, is_usual

WORDS = "the dog runs and the cat sleeps while two birds sing in a tall green tree"


def trained(path: Path, **options: Any) -> sentencepiece.SentencePieceProcessor:
    model = io.BytesIO()
    usual: dict[str, Any] = {"vocab_size": 60, "model_type": "bpe"}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([WORDS] * 3),
        model_writer=model,
        minloglevel=2,
        hard_vocab_limit=False,
        **(usual | options),
    )
    path.write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


USUAL: dict[str, dict[str, Any]] = {
    "pairs": {},
    "unigram": {"model_type": "unigram"},
    "characters": {"model_type": "char"},
    "bytes": {"byte_fallback": True, "vocab_size": 310},
    "symbols": {"user_defined_symbols": "⟨1⟩,\u2581\u2581,\u2581⟨2⟩ ,<x>, y"},
    "spaces": {"remove_extra_whitespaces": False, "split_by_whitespace": False},
}
UNUSUAL: dict[str, dict[str, Any]] = {
    "no space before": {"add_dummy_prefix": False},
    "spaces behind": {"treat_whitespace_as_suffix": True},
    "rules": {},  # which are written to a file
}


@pytest.fixture(scope="module", params=[*USUAL, *UNUSUAL])
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> sentencepiece.SentencePieceProcessor:
    folder = tmp_path_factory.mktemp("spelling")
    options = dict((USUAL | UNUSUAL)[request.param])
    if request.param == "rules":
        rules = folder / "rules.tsv"
        rules.write_text("0064 006F\t0044\n")  # "do" is "D" at the end
        options["denormalization_rule_tsv"] = str(rules)
    made = trained(folder / "joint.spm", **options)
    assert is_usual(made.serialized_model_proto()) is (request.param in USUAL)
    return made


@given(data=st.data())
def test_text_is_what_sentencepiece_makes_of_it(
    model: sentencepiece.SentencePieceProcessor, data: st.DataObject
) -> None:
    spelling = Spelling(model)
    ids = data.draw(st.lists(st.integers(0, model.vocab_size() - 1), max_size=12))
    expected = model.decode(ids)

    assert spelling.text(ids) in (None, expected)
    assert spelling.text(ids) in (None, expected)


def test_text_of_any_two_ids_is_what_sentencepiece_makes_of_it(
    model: sentencepiece.SentencePieceProcessor,
) -> None:
    spelling = Spelling(model)
    ids = range(min(60, model.vocab_size()))  # of bytes, some will do
    spelling.text(ids)

    for pair in product(ids, ids):
        assert spelling.text(pair) in (None, model.decode(pair))


def test_a_sentence_is_put_together_without_sentencepiece(tmp_path: Path) -> None:
    model = trained(tmp_path / "joint.spm")
    spelling, ids = Spelling(model), model.encode(WORDS)

    assert spelling.text(ids) is None  # as long as it has to learn

    assert spelling.text(ids) == WORDS


@pytest.mark.parametrize("wrong", [-1, 60, 10**9])
def test_ids_that_are_none_are_left_to_sentencepiece(
    tmp_path: Path, wrong: int
) -> None:
    model = trained(tmp_path / "joint.spm")
    spelling = Spelling(model)

    assert model.vocab_size() <= 60
    assert spelling.text([5, wrong]) is spelling.text([5, wrong]) is None
