"""What answers are looked over for, one finding at a time."""

import pytest

from onnxlate.answer import ItemKind, ProtectedItem, Span, WarningKind
from onnxlate.bundle import Bundle
from onnxlate.finish import FinishReason
from onnxlate.text import Tokenizer
from onnxlate_serving.guard.guard import Guard
from onnxlate_serving.guard.language import foreign
from onnxlate_serving.guard.repetition import loop
from onnxlate_serving.options import TranslateOptions
from onnxlate_serving.server import default_bundle
from onnxlate_serving.translation import TranslatedHypothesis, Translation


@pytest.fixture(scope="module")
def guard() -> Guard:
    bundle = Bundle.open(default_bundle())
    return Guard(bundle.manifest, Tokenizer(bundle.source_tokenizer))


def found(
    guard: Guard,
    source: str,
    target: str,
    *,
    score: float | None = -0.3,
    finish_reason: FinishReason = FinishReason.EOS,
    num_dropped: int = 0,
) -> list[WarningKind]:
    """The kinds of warnings, were each word a token, and the end another."""
    hypothesis = TranslatedHypothesis(
        target, finish_reason, score, len(target.split()) + 1
    )
    answer = Translation((hypothesis,), len(source.split()) + 1, num_dropped)
    options = TranslateOptions(length_penalty=1.0)
    return [each.kind for each in guard.warnings(source, answer, options)]


GOOD = [
    ("Good morning.", "Guten Morgen."),
    ("Taxi!", "Taxi!"),
    ("Tom Jackson", "Tom Jackson"),
    ("No, no, no, no!", "Nein, nein, nein, nein!"),
    ("It is very, very, very cold.", "Es ist sehr, sehr, sehr kalt."),
    ("New York, New York!", "New York, New York!"),
    ("Name: ..........................", "Name: .........................."),
    ("Are you in Café Müller at 5?", "Bist du um 5 im Café Müller?"),
    ("The more you have, the more you want.", "Je mehr man hat, desto mehr will man."),
    ("He came. He saw. He won.", "Er kam, er sah und er siegte."),
]


@pytest.mark.parametrize(("source", "target"), GOOD)
def test_nothing_is_said_of_a_good_translation(
    guard: Guard, source: str, target: str
) -> None:
    assert found(guard, source, target) == []


LOOPS = [
    ("In German it is so.", "In deutsche deutsche deutsche deutsche Male."),
    ("A house.", "Ein Haus und ein Haus und ein Haus und ein Haus."),
    (
        "He says so.",
        "Er sagt es heute früh. Er sagt es heute früh.",
    ),
    ("A ship.", "Ein Donaudonaudonaudonaudonaudonaudonaudampfer."),
    (
        "A list.",
        "Die Wortliste" + 4 * "wortliste" + ".",
    ),
    ("He laughs.", "Er lacht: hahahahahahahahahahahahaha."),
    ("It rains.", "Es regnet regnet und und und und und es schneit."),
    ("What?", "Was?????????????????????"),
    ("So what", "- - - - - - - - - - - - - - -"),
    ("A dog.", "一只狗一只狗一只狗一只狗一只狗"),
    ("No, no!", "Nein, nein, nein, nein, nein, nein, nein!"),
    (
        "It was good and long.",
        "In der Nähe des Hauses, in der Nähe des Sees, in der Nähe des Waldes.",
    ),
]


@pytest.mark.parametrize(("source", "target"), LOOPS)
def test_a_loop_is_found(source: str, target: str) -> None:
    assert loop(source, target) is not None


@pytest.mark.parametrize(("source", "target"), GOOD)
def test_what_the_source_repeats_too_is_no_loop(source: str, target: str) -> None:
    assert loop(source, target) is None


def test_an_answer_without_half_of_its_source_is_too_short(guard: Guard) -> None:
    source = "We saw him at the station and then we went home again"

    assert found(guard, source, "Wir sahen ihn") == [WarningKind.TOO_SHORT]
    assert found(guard, "We went", "") == [WarningKind.TOO_SHORT]


def test_a_dropped_sentence_is_missed(guard: Guard) -> None:
    source = "We saw him. He saw us. They all went home in the evening."

    assert found(guard, source, "Wir sahen ihn und er sah uns alle.") == [
        WarningKind.TOO_SHORT
    ]


def test_an_answer_that_goes_on_and_on_is_too_long(guard: Guard) -> None:
    target = "Er kam gestern mit dem Zug aus der Stadt, um alte Freunde zu sehen."

    assert found(guard, "Hello.", target) == [WarningKind.TOO_LONG]


def test_what_was_not_read_or_not_finished_is_said(guard: Guard) -> None:
    assert found(guard, "Good morning", "Guten Morgen", num_dropped=3) == [
        WarningKind.TRUNCATED_SOURCE
    ]
    assert found(
        guard, "Good morning", "Guten Morgen", finish_reason=FinishReason.LENGTH
    ) == [WarningKind.UNFINISHED]


def test_characters_without_a_token_are_named(guard: Guard) -> None:
    assert found(guard, "I ♘ you 🍕.", "Ich ♘ dich.") == [
        WarningKind.UNKNOWN_CHARACTERS
    ]
    # Folded forms are known, and so is what has no shape.
    assert found(guard, "Ｇｏｏｄ\u200b ﬁsh\u00a0here", "Guter Fisch hier") == []


def test_a_low_mean_is_unsure(guard: Guard) -> None:
    assert found(guard, "Good morning.", "Gute Morgen.", score=-1.2) == [
        WarningKind.UNSURE
    ]
    assert found(guard, "Good morning.", "Gute Morgen.", score=None) == []


def test_what_comes_out_as_it_went_in_is_said(guard: Guard) -> None:
    assert found(guard, "We went home.", "we went home") == [WarningKind.UNTRANSLATED]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Мы пошли домой вечером.", "en"),
        ("今天天气很好，我们去公园吧。", "en"),
        ("Nous sommes dans la rue avec les enfants.", "en"),
        ("Ich bin mit dem Zug in die Stadt gefahren.", "en"),
        ("We went home with the children and they were happy.", "de"),
        ("We went home with the children.", "zh"),
        ("We went home with the children.", "ru-RU"),
    ],
)
def test_another_language_is_noticed(text: str, language: str) -> None:
    assert foreign(text, language) is not None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "en"),
        ("12.5 %", "en"),
        ("Café Müller, São Paulo, Łódź", "en"),
        ("He plays Für Elise and Les Misérables.", "en"),
        ("What does “der Hund” mean?", "en"),
        ("Windows 11", "zh"),
        ("Microsoft 发布了 Windows 11 操作系统。", "zh-Hans"),
        ("Anything at all is fine, le la les des", "tlh"),
    ],
)
def test_names_and_quotations_are_no_other_language(text: str, language: str) -> None:
    assert foreign(text, language) is None


@pytest.mark.parametrize(
    "source",
    [
        "Good morning.",
        "Das ist nicht der Hund, und er ist auch nicht mit mir.",
        "☃ 你好",
    ],
)
def test_what_was_found_in_the_source_before_is_said_all_the_same(
    guard: Guard, source: str
) -> None:
    hypothesis = TranslatedHypothesis("Ja.", FinishReason.EOS, None, 3)
    answer = Translation((hypothesis,), 4)
    options = TranslateOptions()

    at_once = guard.warnings(source, answer, options)

    assert guard.warnings(source, answer, options, guard.read(source)) == at_once


def test_what_was_kept_is_nothing_that_the_model_has_to_know(guard: Guard) -> None:
    hypothesis = TranslatedHypothesis("Ja ☃.", FinishReason.EOS, None, 4)
    kept = ProtectedItem(ItemKind.PHRASE, Span(4, 5), Span(3, 4))
    answer = Translation((hypothesis,), 4, protected_items=(kept,))
    read = guard.read("Yes ☃.")

    assert read.unknown == ["☃"]
    assert guard.warnings("Yes ☃.", answer, TranslateOptions(), read) == ()
