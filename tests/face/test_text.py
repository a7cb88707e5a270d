import io
import unicodedata
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxlate.answer import Span
from onnxlate.errors import BundleError
from onnxlate.text import Detokenizer, Tokenizer

WORDS = "the dog runs and the cat sleeps while two birds sing in a tall green tree"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([WORDS] * 3),
        model_writer=model,
        vocab_size=310,
        model_type="bpe",
        byte_fallback=True,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
    )
    path = tmp_path_factory.mktemp("tokens") / "joint.spm"
    path.write_bytes(model.getvalue())
    return path


@pytest.fixture(scope="module")
def tokenizer(path: Path) -> Tokenizer:
    return Tokenizer(path)


def test_text_comes_back_and_ends_with_the_end(tokenizer: Tokenizer) -> None:
    for text in ("the dog runs", "größer 猫 🙂", "a\u200bb"):
        ids = tokenizer.encode(text)

        assert ids[-1] == 3
        assert tokenizer.decode(ids) == text.replace("\u200b", " ")


def test_one_model_serves_texts_with_a_prefix_and_without(
    path: Path, tokenizer: Tokenizer
) -> None:
    prefixed = Tokenizer(path, [5, 6])
    plain = prefixed.without_prefix()
    assert plain.encode(WORDS) == tokenizer.encode(WORDS)
    assert prefixed.encode(WORDS) == [5, 6, *tokenizer.encode(WORDS)]


def test_blank_text_has_no_ids(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("") == tokenizer.encode(" \t ") == []


def test_half_a_surrogate_pair_does_no_harm(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("dog \ud800 cat")[-1] == 3


@settings(max_examples=200)
@given(data=st.data())
def test_pieces_concatenate_to_the_whole_and_never_break_a_character(
    tokenizer: Tokenizer, data: st.DataObject
) -> None:
    # Any ids at all: the 256 bytes among them make characters, or none.
    ids = data.draw(st.lists(st.integers(0, len(tokenizer) - 1), max_size=20))
    detokenizer = Detokenizer(tokenizer)

    pieces = [detokenizer.add([each]) for each in ids]

    assert "".join([*pieces, detokenizer.finish()]) == tokenizer.decode(ids)
    assert not any(each.endswith("\ufffd") for each in pieces)


@settings(max_examples=200)
@given(st.binary(max_size=12), st.data())
def test_bytes_come_as_characters_however_they_arrive(
    tokenizer: Tokenizer, content: bytes, data: st.DataObject
) -> None:
    by_name = {tokenizer.piece(i): i for i in range(len(tokenizer))}
    ids = [by_name[f"<0x{byte:02X}>"] for byte in content]
    detokenizer = Detokenizer(tokenizer)

    pieces = []
    while ids:
        count = data.draw(st.integers(1, len(ids)))
        pieces.append(detokenizer.add(ids[:count]))
        ids = ids[count:]
    last = detokenizer.finish()

    assert not any(each.endswith("\ufffd") for each in pieces)
    whole = tokenizer.decode([by_name[f"<0x{byte:02X}>"] for byte in content])
    assert "".join([*pieces, last]) == whole


@given(st.text(max_size=30))
def test_any_text_streams_back_as_it_decodes(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    detokenizer = Detokenizer(tokenizer)

    pieces = [detokenizer.add([each]) for each in ids]

    assert "".join([*pieces, detokenizer.finish()]) == tokenizer.decode(ids)


def test_special_ids_are_silent_wherever_they_stand(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("the dog runs")

    assert tokenizer.decode([2, 0, *ids, 3, 0, 0]) == "the dog runs"
    assert "\u2047" in tokenizer.decode([1])


def test_a_character_of_several_bytes_comes_in_one_piece(tokenizer: Tokenizer) -> None:
    detokenizer = Detokenizer(tokenizer)

    pieces = [detokenizer.add([each]) for each in tokenizer.encode("猫🙂")]

    assert [each for each in pieces if each] == ["猫", "🙂"]


@pytest.mark.parametrize(
    "text",
    [
        "the dog",
        "  Grüße \t an\u200b alle ",
        "🙂 猫👨\u200d👩\u200d👧, e\u0301 ﬁ½ ｆｕｌｌ ﷺ",
        "dog \ud800 cat",
    ],
)
def test_every_id_knows_which_part_of_the_source_it_stands_for(
    tokenizer: Tokenizer, text: str
) -> None:
    ids, spans = tokenizer.encode_with_spans(text)

    assert ids == tokenizer.encode(text)
    assert spans[-1] == Span(len(text), len(text))
    for token, span in zip(ids[:-1], spans, strict=False):
        piece = tokenizer.piece(token).strip("\u2581")
        if len(piece) > 1 and piece.isalpha():
            assert unicodedata.normalize("NFKC", span.of(text)).strip() == piece
        assert span.start < span.end
    # Nothing but white space and what was normalised away stands between.
    said = {at for span in spans for at in range(span.start, span.end)}
    assert not any(each.isalnum() for at, each in enumerate(text) if at not in said)


def test_blank_text_has_no_spans(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode_with_spans(" ") == ([], [])
    assert tokenizer.decode_with_spans([]) == ("", [])


@settings(max_examples=200)
@given(data=st.data())
def test_spans_of_any_ids_cover_their_text(
    tokenizer: Tokenizer, data: st.DataObject
) -> None:
    ids = data.draw(st.lists(st.integers(0, len(tokenizer) - 1), max_size=20))

    text, spans = tokenizer.decode_with_spans(ids)

    assert text == tokenizer.decode(ids)
    assert len(spans) == len(ids)
    end = 0
    for token, span in zip(ids, spans, strict=True):
        assert span.start == end or (span.start < end == span.end)
        assert span.start < span.end or tokenizer.is_special(token) or not text
        end = span.end
    assert end == len(text)


def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.spm").write_bytes(b"nothing of the kind")

    with pytest.raises(BundleError, match=r"x\.spm is not a readable"):
        Tokenizer(tmp_path / "x.spm")
