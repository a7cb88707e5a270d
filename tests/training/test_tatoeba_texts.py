"""The recipe's own pairs: clauses have German's word order, and words their forms."""

import re
from collections import Counter

import pytest

from tatoeba_texts.adjectives import attributive_adjectives
from tatoeba_texts.clauses import Pair, clause_of, clauses
from tatoeba_texts.phrases import heads, infinitives, phrases, with_zu
from tatoeba_texts.rare_words import Words, rare_words

VERBS = Counter(dict.fromkeys(("ist", "ruft", "hat", "will"), 3))


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
    english: str, german: str, clause: str, inverted: str
) -> None:
    assert clause_of(english, german, VERBS) == (clause, inverted)


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
def test_what_no_rule_is_sure_of_is_left_alone(german: str) -> None:
    assert clause_of("Ill is the word.", german, VERBS) is None


def test_clauses_come_in_sentences_of_both_languages() -> None:
    pairs = [
        ("He is ill.", "Er ist krank."),
        ("We are here.", "Wir sind hier."),
        ("He is here.", "Er ist hier."),
        ("We are ill.", "Wir sind krank."),
    ] * 5
    # How words are spelt within a sentence.
    pairs += [("Now he says we are here.", "Jetzt sagt er, wir sind hier.")] * 10

    made = clauses(pairs, count=2000, seed=1)

    assert len(made) == 2000
    assert made == clauses(pairs, count=2000, seed=1) != clauses(pairs, 2000, seed=2)
    assert ("I know that he is ill.", "Ich weiß, dass er krank ist.") in made
    assert ("If he is ill, we are here.", "Wenn er krank ist, sind wir hier.") in made
    assert not any("{" in text for pair in made for text in pair)


def test_rare_words_stand_in_for_words_of_their_gender() -> None:
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
    english = {one for one, _ in pairs}

    made = rare_words(Words(pairs), seed=1, exposures=20, rare=25)

    assert made
    assert len({one for one, _ in made} | english) == len(made) + len(english)
    genders = {word: gender for gender in nouns for _, word in nouns[gender]}
    for one, other in made:
        article, noun = other.split()[2:4]
        assert article == (
            "einen" if {**genders, "Biber": "m"}[noun] == "m" else "eine"
        )
        assert re.search(r"\ban? ", one)
        assert (" an " in one) == (one.split()[3][0] in "aeiou")


@pytest.mark.parametrize(
    ("infinitive", "said"),
    [
        ("kaufen", "zu kaufen"),
        ("anrufen", "anzurufen"),
        ("umziehen", "umzuziehen"),  # met so
        ("übersetzen", "zu übersetzen"),
        ("umarmen", None),  # which "arm" makes no clearer
        ("antworten", None),  # of a verb that nobody has met
    ],
)
def test_a_prefix_leaves_its_verb_where_the_text_says_so(
    infinitive: str, said: str | None
) -> None:
    assert with_zu(infinitive, Counter(["rufen", "umzuziehen", "armen"])) == said


@pytest.mark.parametrize(
    "pair",
    [
        ("I can't buy a car.", "Ich kann kein Auto kaufen."),  # no longer denied
        ("I want to wash.", "Ich will mich waschen."),  # of another subject
        ("I must be ill.", "Ich muss krank sein."),
        ("I can go and sleep.", "Ich kann gehen und schlafen."),
        ("I buy a car.", "Ich kaufe ein Auto."),
    ],
)
def test_infinitives_that_depend_on_their_sentence_stay_there(pair: Pair) -> None:
    assert infinitives([pair[0]], [pair[1]]) == []


def test_phrases_have_their_verbs_in_the_right_places() -> None:
    nouns = [("friend", "Freund"), ("dog", "Hund"), ("doctor", "Arzt")]
    verbs = [("see", "sehe"), ("know", "kenne"), ("have", "habe")]
    pairs = [
        (f"I {one} a {noun}.", f"Ich {other} einen {name}.")
        for one, other in verbs
        for noun, name in nouns
    ] * 2
    pairs += [
        ("I want to buy a dog.", "Ich will einen Hund kaufen."),
        ("He was ill.", "Er war krank."),
        ("Now he sees it was ill.", "Jetzt sieht er, es war krank."),
        ("He has a friend.", "Er hat einen Freund."),
    ] * 12

    assert {head.noun for head in heads(Words(pairs))} >= {"friend", "dog"}
    made = set(phrases(Words(pairs), seed=1))

    assert ("I try to buy a dog.", "Ich versuche, einen Hund zu kaufen.") in made
    assert ("Let's buy a dog.", "Lasst uns einen Hund kaufen.") in made
    assert ("Yesterday he was ill.", "Gestern war er krank.") in made
    assert (
        "I see a doctor who was ill.",
        "Ich sehe einen Arzt, der krank war.",
    ) in made
    assert not any("{" in text for pair in made for text in pair)


def test_rare_adjectives_are_inflected_like_those_they_replace() -> None:
    adjectives = [
        ("small", "klein"),
        ("pretty", "schön"),
        ("big", "groß"),
        ("green", "grün"),
    ]
    nouns = {
        "er": [("a tree", "ein", "Baum"), ("a table", "ein", "Tisch")],
        "es": [("a house", "ein", "Haus"), ("a book", "ein", "Buch")],
        "e": [("a city", "eine", "Stadt"), ("a door", "eine", "Tür")],
    }
    pairs = [
        (
            f"This is {a} {one} {noun} here.",
            f"Das ist {ein} {other}{ending} {name} hier.",
        )
        for one, other in adjectives
        for ending, group in nouns.items()
        for a_noun, ein, name in group
        for a, noun in [a_noun.split()]
    ] * 8
    pairs += [(f"It is {one}.", f"Es ist {other}.") for one, other in adjectives] * 8
    pairs += [("It is angry.", "Es ist böse."), ("He is angry.", "Er ist böse.")] * 3

    made = attributive_adjectives(Words(pairs), seed=1)

    angry = [pair for pair in made if "angry" in pair[0]]
    assert {other.split()[3] for _, other in angry} == {"böser", "böses", "böse"}
    for one, other in angry:
        noun = other.split()[4]
        ending = next(e for e, group in nouns.items() if noun in {n for *_, n in group})
        assert other.split()[3] == "bös" + ending
        assert one.startswith("This is an angry ")
