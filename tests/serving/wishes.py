"""Requests with options drawn at random, as a crowd of users would have them."""

import random
from typing import Any

from onnxlate.answer import Sampling, Term
from onnxlate_serving.options import TranslateOptions

TERMS = (
    Term("dog", "K\u00f6ter"),
    Term("house", "Bude"),
    Term("book", "Schm\u00f6ker|Schm\u00f6kern"),
    Term("two", "acht"),
    Term("five", "neun zehn"),
)
PHRASES = ("ist", "nicht", "der", "Tom", "ein", "three", "six seven")
PREFIXES = ("Der", "Die M", "Ich ha", "three", "on")


def options(rng: random.Random, aligned: bool) -> TranslateOptions:
    """Some of everything; every one is allowed beside the others, with a model that
    can tell where it looked, or one that cannot."""

    def sometimes(value: Any, often: float = 0.25) -> Any:
        return value if rng.random() < often else None

    sampling = sometimes(
        Sampling(
            temperature=rng.choice([0.3, 1.0, 1.5]),
            top_k=rng.choice([0, 0, 5, 50]),
            top_p=rng.choice([1.0, 0.9, 0.5]),
            seed=rng.randrange(1000),
        )
    )
    beam = None if sampling else sometimes(rng.randint(1, 6), 0.6)
    return TranslateOptions(
        beam_size=beam,
        num_hypotheses=rng.randint(1, 3) if sampling else sometimes(beam),
        length_penalty=sometimes(rng.choice([0.0, 0.7, 2.0])),
        max_target_tokens=sometimes(rng.choice([1, 5, 40])),
        return_scores=rng.random() < 0.5,
        min_target_tokens=sometimes(rng.choice([3, 12])),
        repetition_penalty=sometimes(rng.choice([1.1, 2.0])),
        no_repeat_ngram_size=sometimes(rng.randint(1, 4)),
        coverage_penalty=sometimes(rng.choice([0.01, 0.2, 5.0]))
        if aligned and beam and beam > 1
        else None,
        sampling=sampling,
        target_prefix=sometimes(rng.choice(PREFIXES)),
        banned_phrases=tuple(sometimes(rng.sample(PHRASES, 2)) or ()),
        terms=tuple(sometimes(TERMS, 0.4) or ()),
        return_tokens=rng.random() < 0.3,
    )
