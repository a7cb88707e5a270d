"""The head that links copied words to themselves is chosen, if that can be told."""

from pathlib import Path

import numpy as np
import pytest

from onnxlate.alignment import Floats, linked, told
from onnxlate.answer import Span
from onnxlate.bundle import AttentionHead
from onnxlate.text import Tokenizer
from onnxlate.words import Word
from onnxlate_export.aligning import FEWEST, Read, choose_heads, read
from onnxlate_training.checkpoint import LoadedModel


def word(place: int, *tokens: int) -> Word:
    return Word(Span(2 * place, 2 * place + 1), tokens)


SOURCE = [word(0, 0), word(1, 1, 2), word(2, 3)]  # and the end
TARGET = [word(0, 0, 1), word(1, 2)]
COPIED = [(2, 0), (0, 1)]
"""The third word of the source is the first of the target."""


def looking(num_layers: int, num_heads: int) -> Floats:
    """At everything alike: (L, H, T + 1, S)."""
    return np.full((num_layers, num_heads, 4, 5), 0.2, np.float32)


def sentence(layer: int, head: int, step: str) -> Read:
    attention = looking(2, 3)
    first = 1 if step == "fed" else 0
    at = attention[layer, head, first : first + 3]
    at[:] = 0
    at[0, 3] = at[1, 3] = at[2, 0] = 1
    return Read(SOURCE, TARGET, COPIED, attention)


@pytest.mark.parametrize("step", ["scored", "fed"])
def test_the_head_and_the_step_that_look_at_the_copy_are_chosen(step: str) -> None:
    chosen = choose_heads([sentence(1, 2, step)] * FEWEST)

    assert chosen.heads == (AttentionHead(layer=1, head=2),)
    assert chosen.step == step
    assert chosen.copied_words == chosen.copied_linked == 2 * FEWEST


def test_heads_that_know_more_together_are_chosen_together() -> None:
    most = [sentence(1, 2, "scored")] * FEWEST
    some = [sentence(0, 1, "scored")] * 3

    chosen = choose_heads([*some, *most])

    # The others look everywhere alike, and add nothing to the mean of these two.
    assert chosen.heads == (
        AttentionHead(layer=1, head=2),
        AttentionHead(layer=0, head=1),
    )
    assert chosen.copied_linked == chosen.copied_words == 2 * (FEWEST + 3)


def test_too_few_copies_choose_nothing() -> None:
    chosen = choose_heads([sentence(1, 2, "fed")])

    assert len(chosen.heads) == 6
    assert chosen.step == "scored"
    assert chosen.copied_words == 2


def test_words_are_linked_by_what_their_tokens_saw() -> None:
    seen = sentence(1, 2, "fed")
    info = choose_heads([seen] * FEWEST)

    found = linked(told(seen.attention, info), SOURCE, TARGET)

    assert [(each.source, each.target, each.probability) for each in found] == [
        (SOURCE[2].span, TARGET[0].span, 1.0),
        (SOURCE[0].span, TARGET[1].span, 1.0),
    ]


def test_a_glance_at_what_others_come_from_is_no_link() -> None:
    looked = np.array([[0.9, 0.1, 0], [0.3, 0.3, 0.4], [0.1, 0.1, 0.8]], np.float32)
    source, target = [word(0, 0), word(1, 1)], [word(0, 0), word(1, 1), word(2, 2)]

    found = linked(looked, source, target)

    # The second looks at the first's word too, but much less than the first does.
    pairs = [(each.source.start, each.target.start) for each in found]
    assert pairs == [(0, 0), (2, 2)]


def test_nothing_is_linked_to_nothing() -> None:
    nothing = np.zeros((0, 1), np.float32)

    assert linked(nothing, [], []) == linked(nothing, SOURCE, []) == ()


def test_copied_words_are_found_in_what_tokens_say(loaded: LoadedModel) -> None:
    tokenizer = Tokenizer(Path(loaded.source_tokenizer))
    ids, other = (tokenizer.encode(text) for text in ("one two two", "two one one one"))

    found = read((tokenizer, ids), (tokenizer, other), looking(1, 1))

    assert found.copied == []
    found = read((tokenizer, ids), (tokenizer, ids), looking(1, 1))
    assert found.copied == [(0, 0)]
