"""Batches of sentences, decoded to the end."""

from typing import Literal

import numpy as np
import torch

from onnxlate.search import FinishReason, Floats, Ints, SearchOptions
from onnxlate.text import EOS_ID, PAD_ID
from onnxlate_training.decode import Bools, TorchStepper, decode, decode_batch
from onnxlate_training.model import ModelConfig, Transformer

VOCABULARY = 20


class Parrot:
    """Says each source back, token by token, then only the end; notes its work."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.steps: list[int] = []

    def start(self, source_ids: Ints, source_visible: Bools) -> "ParrotRows":
        self.batches.append(len(source_ids))
        return ParrotRows(source_ids, self.steps)


class ParrotRows:
    def __init__(self, source_ids: Ints, steps: list[int]) -> None:
        self.sources = source_ids
        self.steps = steps
        self.age = 0

    def step(self, tokens: Ints) -> Floats:
        assert len(tokens) == len(self.sources)
        self.steps.append(len(tokens))
        at = min(self.age, self.sources.shape[1] - 1)
        said = np.where(self.sources[:, at] == PAD_ID, EOS_ID, self.sources[:, at])
        self.age += 1
        return (8 * np.eye(VOCABULARY, dtype=np.float32))[said]

    def gather(self, parents: Ints) -> None:
        self.sources = self.sources[parents]


def small(norm: Literal["pre", "post"] = "post") -> Transformer:
    torch.manual_seed(0)
    config = ModelConfig(
        width=8,
        heads=2,
        feed_forward=16,
        encoder_layers=1,
        decoder_layers=2,
        norm=norm,
    )
    model = Transformer(config, VOCABULARY, VOCABULARY).eval()
    for parameter in model.parameters():  # far from zero, so that tokens vary
        parameter.data.mul_(3)
    return model


SOURCES = [[5, 6, 7, EOS_ID], [], [8, EOS_ID], [9, 10, 11, 12, 13, 14, EOS_ID]]


def test_every_source_gets_its_own_answer_in_the_given_order() -> None:
    options = [SearchOptions(20), SearchOptions(20), SearchOptions(20, beam_size=3)]
    options.append(SearchOptions(3))

    found = decode(Parrot(), SOURCES, options)

    assert [each[0].tokens for each in found] == [(5, 6, 7), (), (8,), (9, 10, 11)]
    assert found[3][0].finish_reason is FinishReason.LENGTH


def test_a_batch_keeps_to_its_tokens_and_one_long_sentence_still_goes() -> None:
    parrot = Parrot()
    sources = [[5, EOS_ID]] * 4 + [[5] * 9 + [EOS_ID]]

    decode(parrot, sources, [SearchOptions(20, beam_size=2)] * 5, max_batch_tokens=8)

    assert parrot.batches == [1, 2, 2]


def test_every_hypothesis_has_a_row_until_its_sentence_is_done() -> None:
    parrot = Parrot()
    sources = [[5, EOS_ID], [6, 7, EOS_ID], [8, 9, 10, EOS_ID], [11, 12, EOS_ID]]
    options = [SearchOptions(len(each)) for each in sources]

    decode_batch(parrot, sources, options)
    assert parrot.steps == [4, 4, 3, 1]

    parrot.steps.clear()
    found = decode_batch(parrot, sources, [SearchOptions(2, beam_size=3)] * 4)
    assert parrot.steps == [12, 12]
    assert [best.tokens for best, *_ in found] == [(5,), (6, 7), (8, 9), (11, 12)]


def test_a_beam_of_pytorch_does_not_see_its_neighbours() -> None:
    stepper = TorchStepper(small())
    sources = [source for source in SOURCES if source]
    options = [
        SearchOptions(30, beam_size=4, num_hypotheses=4),
        SearchOptions(40),
        SearchOptions(20, beam_size=2),
    ]

    together = decode_batch(stepper, sources, options)
    alone = [
        decode_batch(stepper, [source], [option])[0]
        for source, option in zip(sources, options, strict=True)
    ]

    assert [[h.tokens for h in each] for each in together] == [
        [h.tokens for h in each] for each in alone
    ]
    assert any(len(each[0].tokens) > 16 for each in together), "the cache grew"


def test_steps_of_a_greedy_search_agree_with_reading_the_whole_target() -> None:
    norms: tuple[Literal["pre", "post"], ...] = ("pre", "post")
    for norm in norms:
        model = small(norm)
        source = SOURCES[0]
        options = SearchOptions(max_target_tokens=20)
        ((hypothesis,),) = decode_batch(TorchStepper(model), [source], [options])

        target = torch.tensor([[2, *hypothesis.tokens]])
        visible = torch.ones(1, len(source), dtype=torch.bool)
        with torch.inference_mode():
            vectors = model(torch.tensor([source]), visible, target)
            likeliest = model.generator(vectors)[0].argmax(dim=-1).tolist()

        assert tuple(likeliest[: len(hypothesis.tokens)]) == hypothesis.tokens
