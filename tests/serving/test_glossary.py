"""Glossaries: what matches, in which case, and files that are read."""

import time
from pathlib import Path

import pytest
import sentencepiece

import onnxlate_serving
from onnxlate.answer import Span, Term
from onnxlate.errors import ConfigError, InvalidRequest
from onnxlate.placeholder import placeholder
from onnxlate.text import EOS_ID, Tokenizer
from onnxlate_serving.glossary import (
    Glossaries,
    Glossary,
    Match,
    cased,
    matches,
    parse,
)
from onnxlate_serving.terminology import Plan, Terminology
from onnxlate_serving.vocabulary import Vocabulary


def test_terms_match_whole_words_in_any_case_the_longest_first() -> None:
    glossary = Glossary(
        [Term("dog", "Hund"), Term("dog food", "Futter"), Term("a", "x")]
    )
    own = Glossary([Term("Dog", "K\u00f6ter")])
    text = "Dogs: a DOG ate dog food. \u0130dog"

    found = matches(text, [own, glossary])

    assert [each.source.of(text) for each in found] == ["a", "DOG", "dog food"]
    assert found[1].term.target == "K\u00f6ter"
    assert found[0].source == Span(6, 7)


def test_a_long_word_is_no_long_search() -> None:
    glossary = Glossary(Term("a" * length, "b") for length in range(1, 201))
    began = time.perf_counter()

    assert matches("a" * 65536, [glossary]) == []
    assert len(matches("a " * 100 + "a" * 65536, [glossary])) == 100
    # It took 45 s when every position was tried with every length.
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("source", "term", "target"),
    [
        ("server", Term("server", "rechner"), "rechner"),
        ("Server", Term("server", "rechner"), "Rechner"),
        ("SERVER", Term("server", "rechner"), "RECHNER"),
        ("NASA", Term("NASA", "Nasa"), "Nasa"),
        ("server", Term("Server", "Rechner"), "Rechner"),
    ],
)
def test_case_is_carried_over(source: str, term: Term, target: str) -> None:
    assert cased(term, term.target, source) == target


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tb\n\nc", "line 3 is not"),
        ("a\tb\tc", "line 1 is not"),
        ("# a comment\n\tb", "line 2 has a source"),
        ("a\tb\nA\tc", "line 2 says 'A' once more"),
        ("a\t" + "b" * 201, "line 1 has more"),
        ("a\tb\nc\t" + "|".join("d" * 17), "line 2 has 17 forms of its target"),
    ],
)
def test_a_file_that_is_no_glossary_is_told_by_its_line(
    text: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_a_glossary_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "pets.tsv"
    path.write_text("dog\tHund\n")
    glossaries = Glossaries(tmp_path)
    name, old = glossaries.named("pets")

    path.write_text("dog\tK\u00f6ter\n")
    newer, new = glossaries.named("pets")

    assert name != newer
    assert glossaries.named(newer) == (newer, new)
    assert glossaries.named(name) == (name, old)  # for calls that began before
    with pytest.raises(InvalidRequest, match="leave the digest out"):
        glossaries.named("pets@0123456789abcdef")
    for name in ("../pets", "x" * 300, "\u00df" * 100_000, "pets\0"):
        with pytest.raises(InvalidRequest, match="there are: pets") as refused:
            glossaries.named(name)
        assert len(str(refused.value)) < 150


def test_a_broken_glossary_that_comes_later_is_none_and_the_log_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    glossaries = Glossaries(tmp_path)
    (tmp_path / "pets.tsv").write_text("dog\tHund\ndog\tK\u00f6ter\n")

    with pytest.raises(InvalidRequest, match="no glossary 'pets'; there are: none"):
        glossaries.named("pets")

    assert "pets.tsv cannot be used: line 2" in caplog.text
    with pytest.raises(InvalidRequest):
        glossaries.named("pets")
    assert len(caplog.records) == 1
    (tmp_path / "pets.tsv").write_text("dog\tHund\n")
    assert glossaries.named("pets")[1]


def test_a_server_does_not_begin_with_a_broken_glossary(tmp_path: Path) -> None:
    (tmp_path / "pets.tsv").write_text("dog Hund")

    with pytest.raises(ConfigError, match="line 1"):
        Glossaries(tmp_path)
    with pytest.raises(ConfigError, match="not a folder"):
        Glossaries(tmp_path / "elsewhere")


def test_terms_are_put_in_as_words_of_their_own() -> None:
    dog, cat = Term("dog", "hund"), Term("cat", "katze")
    plan = Plan(
        "\u27e69\u27e7 \u27e68\u27e7",
        found=(Match(dog, Span(0, 3)), Match(cat, Span(4, 7))),
        slots={"\u27e69\u27e7": 0, "\u27e68\u27e7": 1},
        targets=(("hund",), ("katze",)),
        begins_upper=True,
    )
    said = "\u27e69\u27e7\u27e68\u27e7s, \u27e60\u27e7 bleibt."

    filled = plan.fill(said)

    assert filled.text == "Hund katze s, \u27e60\u27e7 bleibt."
    assert [use.target for use in plan.uses(filled)] == [Span(0, 4), Span(5, 10)]
    assert [filled.places[at].of(filled.text) for at in (0, 1)] == ["Hund", "katze"]
    assert filled.moved(len(said)) == len(filled.text)


def test_a_model_may_have_more_than_ten_placeholders(tmp_path: Path) -> None:
    symbols = [placeholder(number) for number in range(12)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a dog and a cat", "ein Hund"] * 9),
        model_prefix=str(tmp_path / "joint"),
        vocab_size=40,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        user_defined_symbols=symbols,
        minloglevel=2,
    )
    tokenizer = Tokenizer(tmp_path / "joint.model")
    terminology = Terminology(tokenizer, tokenizer, Vocabulary(tokenizer))
    glossary = Glossary([Term("dog", "Hund"), Term("cat", "Katze")])

    plan = terminology.plan("a dog and a cat", [glossary], prefix="")

    assert plan.text == "a \u27e611\u27e7 and a \u27e610\u27e7"
    assert plan.fill("\u27e610\u27e7, \u27e611\u27e7").text == "Katze, Hund"
    ids = [terminology.source_ids[each] for each in plan.slots]
    assert ids == [EOS_ID + 12, EOS_ID + 11]


def test_a_text_of_hardly_anything_but_terms_is_refused() -> None:
    bundle = Path(onnxlate_serving.__file__).parent / "default_bundle"
    tokenizer = Tokenizer(bundle / "joint.spm")
    terminology = Terminology(tokenizer, tokenizer, Vocabulary(tokenizer))
    glossary = Glossary([Term("dog", "Hund")])

    assert len(terminology.plan("dog " * 256, [glossary], prefix="").found) == 256
    with pytest.raises(InvalidRequest, match="occur 257 times"):
        terminology.plan("dog " * 257, [glossary], prefix="")
