"""Models with random weights in all their variants, and what PyTorch says on them."""

import random
from typing import Any

from onnxlate.search import Hypothesis, SearchOptions
from onnxlate.text import EOS_ID
from onnxlate_training.decode import TorchStepper, decode
from onnxlate_training.model import ModelConfig, Transformer
from tests.export.models import random_model as with_random_weights

VOCABULARY, LONGEST = 60, 40

VARIANTS: list[dict[str, Any]] = [
    {"norm": "pre", "tying": "none"},
    {"norm": "pre", "tying": "output", "activation": "gelu"},
    {"norm": "pre", "tying": "all", "activation": "silu"},
    {"norm": "post", "tying": "all", "activation": "relu"},
    {"norm": "post", "tying": "none", "activation": "gelu"},
]


def random_model(source_vocabulary: int = VOCABULARY, **variant: Any) -> Transformer:
    """Weights so large that its tokens vary, and that some of its sentences end."""
    sizes = {"width": 16, "heads": 2, "feed_forward": 24, "max_positions": 64}
    config = ModelConfig(encoder_layers=2, decoder_layers=2, **sizes, **variant)
    return with_random_weights(config, source_vocabulary, VOCABULARY)


def random_sources(count: int, vocabulary: int = VOCABULARY) -> list[list[int]]:
    draw = random.Random(0)
    return [
        [*(draw.randrange(4, vocabulary) for _ in range(length)), EOS_ID]
        for length in (draw.randrange(1, 20) for _ in range(count))
    ]


def by_pytorch(
    model: Transformer, sources: list[list[int]], beam_size: int
) -> list[Hypothesis]:
    options = SearchOptions(LONGEST, beam_size=beam_size, with_scores=True)
    found = decode(TorchStepper(model), sources, [options] * len(sources))
    return [hypotheses[0] for hypotheses in found]
