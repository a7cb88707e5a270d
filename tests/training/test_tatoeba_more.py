"""The recipe's own pairs: clauses have German's word order, and nouns their gender."""

import importlib.util
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "training" / "recipes" / "tatoeba_more.py"

VERBS = Counter(dict.fromkeys(("ist", "ruft", "hat", "will"), 3))


@pytest.fixture(scope="module")
def more() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tatoeba_more", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("english", "german", "clause", "inverted"),
    [
        ("He is ill.", "Er ist krank.", "er krank ist", "ist er krank"),
        ("He calls me.", "Er ruft mich an.", "er mich anruft", "ruft er mich an"),
        ("Tom is out.", "Tom ist aus.", "Tom aus ist", "ist Tom aus"),
        ("She is ill.", "Sie ist krank.", "sie krank ist", "ist sie krank"),
        ("You have it.", "Sie hat es.", "Sie es hat", "hat Sie es"),
    ],
)
def test_a_verb_goes_to_the_end_or_before_its_subject(
    more: ModuleType, english: str, german: str, clause: str, inverted: str
) -> None:
    assert more.clause_of(english, german, VERBS) == (clause, inverted)


@pytest.mark.parametrize(
    "german",
    [
        "Gestern ist er krank gewesen.",  # begins with no subject
        "Er singt gern.",  # no verb that is known
        "Er hat kommen müssen.",  # which stays before the infinitives
        "Das Haus ist alt.",
        "Sie ist krank.",  # and nobody knows who
    ],
)
def test_what_no_rule_is_sure_of_is_left_alone(more: ModuleType, german: str) -> None:
    assert more.clause_of("Ill is the word.", german, VERBS) is None


def test_clauses_come_in_sentences_of_both_languages(more: ModuleType) -> None:
    english = ["He is ill.", "We are here.", "He is here.", "We are ill."] * 5
    german = ["Er ist krank.", "Wir sind hier.", "Er ist hier.", "Wir sind krank."] * 5
    # How words are spelt within a sentence.
    english += ["Now he says we are here."] * 10
    german += ["Jetzt sagt er, wir sind hier."] * 10

    made = more.clauses(english, german)

    assert len(made) == more.NUM_CLAUSES
    assert ("I know that he is ill.", "Ich weiß, dass er krank ist.") in made
    assert ("If he is ill, we are here.", "Wenn er krank ist, sind wir hier.") in made
    assert not any("{" in text for pair in made for text in pair)


def test_rare_words_stand_in_for_words_of_their_gender(more: ModuleType) -> None:
    nouns = {
        "m": [("dog", "Hund"), ("tree", "Baum"), ("apple", "Apfel")],
        "f": [("cat", "Katze"), ("city", "Stadt"), ("owl", "Eule")],
    }
    pairs = [
        (f"{verb} a {one} here.", f"{sagt} {ein} {other} hier.")
        for verb, sagt in (("I see", "Ich sehe"), ("We have", "Wir haben"))
        for gender, ein in (("m", "einen"), ("f", "eine"))
        for one, other in nouns[gender]
        for _ in range(3)
    ]
    pairs.append(("I see a beaver here.", "Ich sehe einen Biber hier."))
    pairs.append(("We have a beaver here.", "Wir haben einen Biber hier."))
    english, german = ([pair[side] for pair in pairs] for side in (0, 1))

    made = more.rare_words(english, german)

    assert made
    assert len({one for one, _ in made} | set(english)) == len(made) + len(set(english))
    genders = {word: gender for gender in nouns for _, word in nouns[gender]}
    for one, other in made:
        article, noun = other.split()[2:4]
        assert article == (
            "einen" if {**genders, "Biber": "m"}[noun] == "m" else "eine"
        )
        assert re.search(r"\ban? ", one)
        assert (" an " in one) == (one.split()[3][0] in "aeiou")
