from collections import Counter
from pathlib import Path

import pytest

from onnxlate.placeholder import placeholder
from onnxlate.text import EOS_ID, Tokenizer
from onnxlate_training.augment import augment
from onnxlate_training.corpus import Pair
from onnxlate_training.recipe import AugmentConfig, TokenizerConfig
from onnxlate_training.subwords import train_subwords

LANGUAGES = ("en", "de")

PAIRS = [
    ("Tom saw Anna at 2:30.", "Tom sah Anna um 2:30."),
    ("In Winter it snows.", "In Winter schneit es."),
    ("The winter is cold in Rome.", "Der Winter ist kalt in Rom."),
    ("Tom likes Tom.", "Tom mag Tom."),
    ("Come in!", "Komm herein!"),
]


def made(pairs: list[Pair], config: AugmentConfig, seed: int = 1) -> list[Pair]:
    more, added = augment(pairs, config, 3, LANGUAGES, seed)
    assert added.total() == len(more)
    return more


def test_names_and_numbers_that_both_sides_have_once_give_way_to_symbols() -> None:
    more = made(PAIRS, AugmentConfig(placeholders=1.0))

    # Not "In" and "Winter", which are common words; not "Tom", which is there twice.
    [(source, target)] = more
    symbols = [placeholder(i) for i in range(3)]
    assert Counter(symbols) == Counter(word for word in symbols if word in source)
    first, second, third = sorted(symbols, key=source.index)
    assert source == f"{first} saw {second} at {third}."
    assert target == f"{first} sah {second} um {third}."


def test_symbols_are_tokens_of_their_own_and_come_back_as_they_were(
    tmp_path: Path,
) -> None:
    path = tmp_path / "joint.spm"
    config = TokenizerConfig(vocabulary=320, placeholders=3)
    train_subwords([side for pair in PAIRS for side in pair], path, config, seed=1)
    tokenizer = Tokenizer(path)
    text = "Komm, \u27e62\u27e7, in\u27e60\u27e7!"

    ids = tokenizer.encode(text)

    assert tokenizer.decode(ids) == text
    assert [ids.count(EOS_ID + 1 + i) for i in range(3)] == [1, 0, 1]


def test_a_plain_source_stands_for_the_same_target() -> None:
    assert ("come in", "Komm herein!") in made(PAIRS, AugmentConfig(plain=1.0))
    assert made([("so be it", "sei es so")], AugmentConfig(plain=1.0)) == []


def test_joined_pairs_are_whole_pairs_in_one_order() -> None:
    sides = dict(PAIRS)
    for source, target in made(PAIRS, AugmentConfig(joined=1.0)):
        parts = [part for part in PAIRS if part[0] in source]
        assert len(source) == sum(
            source.count(one) * (len(one) + 1) for one, _ in parts
        ) - len(" ")
        assert len(target.split()) == sum(
            source.count(one) * len(other.split()) for one, other in parts
        )
        assert target.endswith(next(sides[p] for p, _ in parts if source.endswith(p)))


def test_chinese_is_joined_without_spaces() -> None:
    pairs = [("你好。", "Hi."), ("再见。", "Bye.")]
    more, _ = augment(pairs, AugmentConfig(joined=1.0), 0, ("zh", "en"), seed=1)

    assert all(" " not in source and " " in target for source, target in more)


@pytest.mark.parametrize("kind", ["placeholders", "plain", "joined"])
def test_what_is_made_follows_from_the_seed(kind: str) -> None:
    pairs = [(f"Tom saw {i}.", f"Tom sah {i}.") for i in range(100)]

    half = AugmentConfig.model_validate({kind: 0.5})

    assert made(pairs, half) == made(pairs, half)
    assert made(pairs, half) != made(pairs, half, seed=2)
    assert 30 < len(made(pairs, half)) < 70
    assert made(pairs, AugmentConfig()) == []


def test_names_and_numbers_change_on_both_sides_alike() -> None:
    pairs = [
        ("Tom is 30.", "Tom ist 30."),
        ("Anna met Tom at 2:30.", "Anna traf Tom um 2:30."),
    ]
    more = [
        pair
        for seed in range(20)
        for pair in made(pairs, AugmentConfig(renamed=1.0), seed)
    ]

    assert len(more) == 40
    for source, target in more:
        words = source.rstrip(".").split()
        if words[1] == "is":
            assert target == f"{words[0]} ist {words[2]}."
            assert len(words[2]) == 2
            assert "0" not in words[2]
        else:
            assert target == f"{words[0]} traf {words[2]} um 2:30."
    assert {source.split()[0] for source, _ in more} == {"Tom", "Anna"}


def test_lengths_become_those_of_the_validation_text() -> None:
    short, long = ("No.", "Nein."), ("This is a longer one.", "Dies ist ein längerer.")
    middle = ("Come in, Tom!", "Komm herein, Tom!")
    pairs = [short] * 80 + [middle] * 15 + [long] * 5
    validation = [short] * 30 + [middle] * 30 + [long] * 40

    more, added = augment(
        pairs, AugmentConfig(like_validation=4), 0, LANGUAGES, 1, validation
    )

    # Rarer here than there: the middle ones by 2, the long ones by 8, at most by 4.
    assert Counter(more) == {middle: 15, long: 15}
    assert added == {"again for their length": 30}


def test_statements_become_second_halves_with_small_letters_where_those_belong() -> (
    None
):
    pairs = [
        ("It is late.", "Es ist spät."),
        ("Tom is late.", "Tom ist spät."),
        ("Are you late?", "Bist du spät?"),
        ("She is late. I left.", "Sie ist spät. Ich ging."),
        ("They are late.", "Sie sind spät."),
    ]
    # How words are spelt in the middle: "Sie" and "sie" both, as often.
    spelt = [
        ("Then it and Tom and I and they came.", "Dann kam es, kam Tom, ich, sie, Sie.")
    ] * 12
    config = AugmentConfig(conjoined=1.0, conjunctions=[(" and ", " und ")])

    more, added = augment(pairs + spelt, config, 0, LANGUAGES, 1)

    halves = Counter(
        (source.split(" and ")[-1], target.split(" und ")[-1])
        for source, target in more
        if "came" not in source.split(" and ")[-1]
    )
    assert halves == {
        ("it is late.", "es ist spät."): 1,
        ("Tom is late.", "Tom ist spät."): 1,
    }
    assert added["conjoined"] == len(more)
    assert all("?" not in source and ". " not in source for source, _ in more)


def test_without_conjunctions_nothing_is_conjoined() -> None:
    assert made(PAIRS, AugmentConfig(conjoined=1.0)) == []
