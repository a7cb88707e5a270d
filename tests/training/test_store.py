"""Examples on disk: none is lost, and neither windows nor chunks can be told."""

from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from onnxlate.errors import TrainingError
from onnxlate.text import Tokenizer
from onnxlate_training import kept
from onnxlate_training.batches import BatchPlan
from onnxlate_training.corpus import Example, clean, tokenize
from onnxlate_training.generated import pairs
from onnxlate_training.kept import KeptPairs, keep_pairs
from onnxlate_training.ragged import Ragged, Shelf, ShelfWriter
from onnxlate_training.recipe import FilterConfig, TokenizerConfig
from onnxlate_training.repeated import digest, firsts
from onnxlate_training.store import Store, write_examples
from onnxlate_training.subwords import train_subwords

NUMBER = 200


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("store") / "joint.spm"
    stream = pairs(seed=4)
    lines = (text for _ in range(300) for text in next(stream))
    train_subwords(lines, path, TokenizerConfig(vocabulary=400), seed=1)
    return Tokenizer(path)


@pytest.fixture(scope="module")
def examples(tokenizer: Tokenizer) -> list[Example]:
    stream = pairs(seed=5)
    text = [next(stream) for _ in range(NUMBER)]
    found, _ = tokenize(text, tokenizer, tokenizer, FilterConfig())
    return found


def written(
    folder: Path, examples: list[Example], tokenizer: Tokenizer, dropout: float = 0.0
) -> Path:
    folder.mkdir()
    write_examples(folder, examples, (tokenizer, tokenizer), dropout, seed=3)
    return folder


def opened(folder: Path, window: int, dropout: float = 0.0) -> Store:
    return Store(folder, window, dropout, max_tokens=200, seed=3)


def spelt(side: Ragged) -> list[list[int]]:
    return [each.tolist() for each in side]


def test_every_window_has_other_examples_and_an_epoch_has_each_once(
    tokenizer: Tokenizer, examples: list[Example], tmp_path: Path
) -> None:
    store = opened(written(tmp_path / "x", examples, tokenizer), window=30)

    def epoch(number: int) -> list[list[tuple[list[int], list[int]]]]:
        windows = [store.window(number, i) for i in range(store.num_windows)]
        return [list(zip(*map(spelt, sides), strict=True)) for sides in windows]

    first, second = epoch(0), epoch(1)

    assert store.num_windows == 7
    assert {len(window) for window in first} == {28, 29}
    assert first != second
    assert first == epoch(0)
    everything = [(e.source.tolist(), e.target.tolist()) for e in examples]
    for each in (first, second):
        assert sorted(pair for window in each for pair in window) == sorted(everything)
    # A window is of all parts of the corpus, and not of one.
    places = [everything.index(pair) for pair in first[0]]
    assert min(places) < NUMBER / 4 < 3 * NUMBER / 4 < max(places)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_what_comes_in_chunks_is_what_comes_at_once(
    dropout: float,
    tokenizer: Tokenizer,
    examples: list[Example],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_once = opened(
        written(tmp_path / "whole", examples, tokenizer, dropout), 1000, dropout
    )
    whole = [spelt(side) for side in at_once.window(2, 0)]

    for module in ("ragged", "store", "cutting"):
        monkeypatch.setattr(f"onnxlate_training.{module}.CHUNK", 7)
    in_chunks = opened(
        written(tmp_path / "parts", examples, tokenizer, dropout), 1000, dropout
    )

    assert [spelt(side) for side in in_chunks.window(2, 0)] == whole
    for file in (tmp_path / "whole").iterdir():
        assert (tmp_path / "parts" / file.name).read_bytes() == file.read_bytes()


def test_batches_are_as_full_as_they_may_be(
    tokenizer: Tokenizer, examples: list[Example], tmp_path: Path
) -> None:
    store = opened(written(tmp_path / "x", examples, tokenizer), window=1000)
    window = BatchPlan(store, max_tokens=100, accumulate=1, seed=1).window(0, 0)

    sizes = []
    for (members,) in window.updates:
        batch = window.batch(members)
        width = max(batch.source_ids.shape[1], batch.target_ids.shape[1])
        sizes.append(width * len(members))
    assert max(sizes) <= 100
    assert np.median(sizes) > 80


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    with ShelfWriter(tmp_path / "x", "<i4") as shelf:
        shelf.add(Ragged.of([np.arange(3), np.arange(2)]))
    assert spelt(Shelf(tmp_path / "x", "<i4").take([slice(1, 9)])) == [[0, 1]]

    values = (tmp_path / "x.values").read_bytes()
    (tmp_path / "x.values").write_bytes(values[:-4])
    with pytest.raises(TrainingError, match="do not belong together"):
        Shelf(tmp_path / "x", "<i4")
    (tmp_path / "x.offsets").unlink()
    with pytest.raises(TrainingError, match=r"x\.offsets is missing or damaged"):
        Shelf(tmp_path / "x", "<i4")


def test_pairs_on_disk_are_those_that_memory_would_have_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "CHUNK", 3)
    raw = [(f"größer {i % 7} ", f"🙂{i % 7}") for i in range(20)]
    raw += [("", "x"), ("same", "same"), ("same", "same"), ("x", " ")]
    config = FilterConfig(drop_copies=True)

    dropped = keep_pairs(lambda: raw, config, tmp_path)

    expected, why = clean(raw, config)
    found = KeptPairs(tmp_path)
    assert list(found) == expected == [found[i] for i in range(len(found))]
    assert found[2:4] == expected[2:4]
    assert (
        dropped
        == why
        == Counter(
            {
                "seen before": 13,
                "with an empty side": 2,
                "with target equal to source": 2,
            }
        )
    )


@pytest.mark.parametrize("at_once", [1, 7, 1000, 10_000])
def test_the_first_of_equals_is_found_however_few_are_looked_at_together(
    at_once: int, tmp_path: Path
) -> None:
    random = np.random.default_rng(1)
    items: npt.NDArray[np.int64] = random.integers(30, size=100)
    file = tmp_path / "digests"
    file.write_bytes(b"".join(digest(str(each).encode()) for each in items))

    found = firsts(file, at_once)

    _, first = np.unique(items, return_index=True)
    assert np.flatnonzero(found).tolist() == sorted(first.tolist())


def test_no_text_is_none(tmp_path: Path) -> None:
    dropped = keep_pairs(list, FilterConfig(), tmp_path)

    assert not dropped
    assert list(KeptPairs(tmp_path)) == []
