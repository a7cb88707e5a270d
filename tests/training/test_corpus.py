import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from onnxlate.errors import ConfigError, CorpusError
from onnxlate.placeholder import count_placeholders
from onnxlate.text import BOS_ID, EOS_ID, PAD_ID, Tokenizer
from onnxlate_training.batches import BatchPlan, Held, Members, Window, collate
from onnxlate_training.corpus import Example, clean, read_lines, read_pairs, tokenize
from onnxlate_training.generated import pairs
from onnxlate_training.recipe import FilterConfig, TokenizerConfig
from onnxlate_training.subwords import train_subwords


def test_lines_end_at_newlines_and_nowhere_else(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.txt", tmp_path / "a.gz"
    content = "one\r\ntwo\u2028still two\x0ctwo\n\nfour".encode()
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))

    assert list(read_lines(plain)) == ["one", "two\u2028still two\x0ctwo", "", "four"]
    assert list(read_lines(packed)) == list(read_lines(plain))


def test_text_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    one, two, blank, bad = (tmp_path / name for name in ("one", "two", "blank", "bad"))
    one.write_text("a\n")
    two.write_text("a\nb\n")
    blank.write_text(" \n\n")
    bad.write_bytes(b"fine\n\xff\n")

    with pytest.raises(CorpusError, match=r"1 lines and .*two 2"):
        read_pairs(one, two)
    with pytest.raises(CorpusError, match="blank has no text"):
        read_pairs(blank, blank)
    with pytest.raises(CorpusError, match=r"bad:2 is not UTF-8"):
        read_pairs(bad, bad)
    with pytest.raises(CorpusError, match=r"there is no .*gone"):
        read_pairs(tmp_path / "gone", one)


def test_cleaning_says_what_it_dropped_and_why() -> None:
    raw = [("a ", " b"), ("a", "b"), ("", "b"), ("c", " "), ("d", "d")]

    kept, dropped = clean(raw, FilterConfig(drop_copies=True))

    assert kept == [("a", "b")]
    assert dropped == Counter(
        {"with an empty side": 2, "seen before": 1, "with target equal to source": 1}
    )


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("tokens") / "joint.spm"
    stream = pairs(seed=3)
    lines = [side for _ in range(500) for side in next(stream)]
    train_subwords(lines, path, TokenizerConfig(vocabulary=400), seed=1)
    return Tokenizer(path)


def test_pairs_too_long_or_too_unlike_in_length_are_dropped(
    tokenizer: Tokenizer,
) -> None:
    raw = [("forty-two", "zweiundvierzig"), ("one", "eins " * 15), ("two " * 99, "x")]

    examples, dropped = tokenize(
        raw, tokenizer, tokenizer, FilterConfig(max_tokens=80, max_ratio=4)
    )

    assert len(examples) == 1
    assert set(dropped) == {"longer than 80 tokens", "of lengths over 4 to 1"}


def test_a_vocabulary_larger_than_the_text_allows_says_how_large_it_may_be(
    tmp_path: Path,
) -> None:
    config = TokenizerConfig(vocabulary=5000, byte_fallback=False)

    with pytest.raises(ConfigError, match=r"is 5000; this text allows at most \d+"):
        train_subwords(["ab ba", "abba"], tmp_path / "x.spm", config, seed=1)
    with pytest.raises(ConfigError, match="need at least 263"):
        train_subwords(
            ["ab ba"], tmp_path / "x.spm", TokenizerConfig(vocabulary=20), seed=1
        )
    assert not list(tmp_path.iterdir())


def test_tokenizers_are_repeatable_and_agree_on_the_special_ids(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    config = TokenizerConfig(vocabulary=265)
    for name in ("one", "other"):
        train_subwords(["ab abba", "ba"] * 50, tmp_path / name, config, seed=1)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert (PAD_ID, BOS_ID, EOS_ID) == (0, 2, 3)
    assert tokenizer.encode("forty-two")[-1] == EOS_ID
    assert tokenizer.decode(tokenizer.encode("forty-two")[:-1]) == "forty-two"
    assert len(tokenizer) == 400


NASTY = "ﬁ ① ！ ﷺ Ａ\tb\x01\x1b é e\u0301 \u3000猫🙂\u200b\xa0x"


def test_what_is_folded_is_said_by_the_recipe_and_kept_in_the_file(
    tmp_path: Path,
) -> None:
    for name, text in (
        ("nmt_nfkc", "fi 1 ! صلى الله عليه وسلم A b é é 猫🙂 x"),
        ("identity", NASTY),
    ):
        config = TokenizerConfig.model_validate(
            {"vocabulary": 265, "normalization": name}
        )
        train_subwords(["ab abba", "ba"] * 50, tmp_path / name, config, seed=1)
        tokenizer = Tokenizer(tmp_path / name)

        assert tokenizer.decode(tokenizer.encode(NASTY)) == text


def test_a_vocabulary_of_bytes_needs_no_text_and_knows_every_character(
    tmp_path: Path,
) -> None:
    config = TokenizerConfig(algorithm="bytes", normalization="identity")
    with_symbols = config.model_copy(update={"placeholders": 2})
    train_subwords(["ab"], tmp_path / "one", config, seed=1)
    train_subwords(["cd"], tmp_path / "other", config, seed=2)
    train_subwords(["cd"], tmp_path / "symbols", with_symbols, seed=2)
    one, symbols = Tokenizer(tmp_path / "one"), Tokenizer(tmp_path / "symbols")

    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert len(one) == 4 + 256 + 94 + 1
    assert len(one.encode("a é猫🙂")) == 1 + 2 + 2 + 3 + 4 + 1  # and the end
    assert one.decode(one.encode(NASTY)) == NASTY
    assert one.knows(NASTY) and one.spells_in_bytes and symbols.spells_in_bytes
    assert count_placeholders(symbols) == 2


def test_bytes_are_makeshift_where_words_are_tokens(tokenizer: Tokenizer) -> None:
    assert tokenizer.knows("forty-two") and not tokenizer.knows("forty-猫")
    assert not tokenizer.spells_in_bytes


def examples() -> list[Example]:
    random = np.random.default_rng(0)
    return [
        Example(np.full(source, 5, np.int32), np.full(target, 6, np.int32))
        for source, target in random.integers(1, 30, size=(200, 2))
    ]


def test_every_example_comes_once_an_epoch_and_batches_keep_their_budget() -> None:
    plan = BatchPlan(Held(examples()), max_tokens=100, accumulate=3, seed=1)

    window = plan.window(epoch=0, number=0)

    updates = window.updates
    batches = [batch for update in updates for batch in update]
    assert sorted(i for batch in batches for i in batch) == list(range(200))
    assert sorted(map(len, updates))[1:] == [3] * (len(updates) - 1)
    for members in batches:
        batch = window.batch(members)
        longest = max(batch.source_ids.shape[1], batch.target_ids.shape[1])
        assert len(members) == 1 or longest * len(members) <= 100
        assert batch.num_tokens == window.num_tokens(members)


def test_the_order_follows_from_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> list[list[int]]:
        plan = BatchPlan(Held(examples()), max_tokens=100, accumulate=1, seed=seed)
        updates = plan.window(epoch, 0).updates
        return [members.tolist() for (members,) in updates]

    assert order(1, 4) == order(1, 4)
    assert order(1, 4) != order(1, 5)
    assert order(1, 4) != order(2, 4)


def test_batches_of_an_update_are_about_as_large() -> None:
    plan = BatchPlan(Held(examples()), max_tokens=100, accumulate=2, seed=1)
    alone = BatchPlan(Held(examples()), max_tokens=100, accumulate=1, seed=1)

    def unlike(window: Window, batches: list[Members]) -> float:
        """By how much the larger of two batches in a row is above their mean."""
        sizes = [window.num_tokens(each) for each in batches]
        pairs = np.array(sizes[: len(sizes) // 2 * 2]).reshape(-1, 2)
        return float((pairs.max(axis=1) / pairs.mean(axis=1)).mean()) - 1

    window, by_chance = plan.window(0, 0), alone.window(0, 0)
    dealt = [batch for update in window.updates if len(update) == 2 for batch in update]
    shuffled = [batch for (batch,) in by_chance.updates]
    assert unlike(window, dealt) < unlike(by_chance, shuffled) / 3
    # Small updates and large ones come as it happens.
    totals = [sum(map(window.num_tokens, update)) for update in window.updates]
    assert totals not in (sorted(totals), sorted(totals, reverse=True))


def test_a_target_is_fed_one_behind_what_it_should_say() -> None:
    batch = collate(
        [
            Example(np.array([5, 3]), np.array([7, 8, 3])),
            Example(np.array([6, 7, 3]), np.array([9, 3])),
        ]
    )

    assert batch.target_ids.tolist() == [[2, 7, 8], [2, 9, 3]]
    assert batch.next_ids.tolist() == [[7, 8, 3], [9, 3, 0]]
    assert batch.target_visible.tolist() == [[True, True, True], [True, True, False]]
    assert batch.source_visible.tolist() == [[True, True, False], [True, True, True]]
