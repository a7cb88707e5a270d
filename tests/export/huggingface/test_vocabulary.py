"""Texts are read and written by the ids that the original has for them."""

from itertools import islice
from pathlib import Path

from transformers import MarianTokenizer

from benchmarks.marian_folder import SMALL, write_marian
from onnxlate.text import BOS_ID, EOS_ID, PAD_ID, UNK_ID, Tokenizer
from onnxlate_export.huggingface.importing import Imported, Wishes, load_imported
from onnxlate_export.huggingface.vocabulary import unknown_pieces
from onnxlate_training.generated import pairs

from .conftest import CHINESE, SPANISH, TEXTS, UNSEEN


def test_texts_are_cut_into_the_originals_ids(imported: Imported, marian: Path) -> None:
    theirs = MarianTokenizer.from_pretrained(marian)
    ours, _ = imported.loaded.read_tokenizers()
    texts = [source for source, _ in islice(pairs(seed=5), 300)]
    texts += ["Ü", "a Q b", "naïve Straße", "  two  blanks ", "«»", "x" * 50]

    for text in texts:
        ids = [imported.source.theirs[each] for each in ours.encode(text)]
        assert ids == theirs(text).input_ids, text


def test_pieces_that_the_vocabulary_lacks_are_unknown_words(
    imported: Imported, marian: Path
) -> None:
    tokenizer, _ = imported.loaded.read_tokenizers()
    ids = dict.fromkeys(imported.source.names[: -len(missing(marian))], 0)

    pieces = unknown_pieces(marian / "source.spm", ids)

    assert pieces == missing(marian)
    for each in pieces:
        found = imported.source.names.index(each)
        assert imported.source.theirs[found] == imported.source.theirs[UNK_ID]
        assert found in imported.target.unsaid
        assert tokenizer.piece(found) == each


def missing(marian: Path) -> list[str]:
    theirs = MarianTokenizer.from_pretrained(marian)
    spm = Tokenizer(marian / "source.spm")
    pieces = [spm.piece(each) for each in range(4, len(spm))]
    return [each for each in pieces if each not in theirs.get_src_vocab()]


def test_what_the_model_says_is_spelt_as_the_original_spells_it(
    imported: Imported, marian: Path
) -> None:
    theirs = MarianTokenizer.from_pretrained(marian)
    _, ours = imported.loaded.read_tokenizers()
    size = len(imported.target.names)
    sayable = sorted(set(range(EOS_ID + 1, size)) - imported.target.unsaid)

    for at in range(0, len(sayable), 7):
        ids = sayable[at : at + 7]
        original = theirs.decode([imported.target.theirs[each] for each in ids])
        assert ours.decode(ids).strip() == original


def test_special_ids_are_ours_and_mean_theirs(imported: Imported, marian: Path) -> None:
    theirs = MarianTokenizer.from_pretrained(marian)
    found = [imported.source.theirs[each] for each in (PAD_ID, UNK_ID, BOS_ID, EOS_ID)]

    # Marian has no beginning: its decoder is fed the padding first.
    pad = theirs.pad_token_id
    assert found == [pad, theirs.unk_token_id, pad, theirs.eos_token_id]


def test_a_model_of_several_targets_is_told_one_before_every_source(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "opus-mt-en-mul"
    write_marian(folder, TEXTS, 150, more_names=[SPANISH, CHINESE], **SMALL)
    work = tmp_path / "work"
    work.mkdir()

    wishes = Wishes(target_language="zh", target_token="zho")
    imported = load_imported(str(folder), work, wishes)

    theirs = MarianTokenizer.from_pretrained(folder)
    ours, _ = imported.loaded.read_tokenizers()
    for text in UNSEEN:
        ids = [imported.source.theirs[each] for each in ours.encode(text)]
        assert ids == theirs(f"{CHINESE} {text}").input_ids
        again, spans = ours.encode_with_spans(text)
        assert again == ours.encode(text)
        assert spans[0].start == spans[0].end == 0
    assert ours.encode("  ") == []
    assert imported.loaded.target_language == "zh"
