"""The export gate: a bundle is written only if it translates as PyTorch does.

Both sides decode the same real sentences in the same ragged, padded batches with
the same search, greedy and beam. fp32 must give the same tokens for every sentence.
Reduced precisions cannot, and are judged by what they cost in BLEU and chrF.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from onnxlate import evaluation
from onnxlate.bundle import GateReport, Limits, Precision
from onnxlate.errors import ExportError
from onnxlate.search import Floats, Hypothesis, Ints, SearchOptions
from onnxlate_training.checkpoint import LoadedModel
from onnxlate_training.decode import (
    Bools,
    Rows,
    Stepper,
    TorchStepper,
    decode_batch,
)
from onnxlate_training.model import NEVER

from .stepper import OrtStepper

MAX_LOSS: dict[Precision, float] = {"fp16": 0.3, "int8": 1.0}
"""Points of BLEU, and of chrF, that a precision may lose against fp32 PyTorch on
the gate's sentences. One sentence more or less right moves a few hundred by 0.1."""

MAX_SENTENCES = 256
BATCH = 32
"""Sentences decoded together, in the order of the text: lengths are mixed."""

Progress = Callable[[str, int, int], None]
"""Told which of the decodings runs, how many sentences are done, and of how many."""


@dataclass(frozen=True)
class Sample:
    """The sentences of the gate."""

    sources: list[list[int]]
    references: list[str]
    """As many, or none at all."""


@dataclass(frozen=True)
class Verdict:
    """Of graphs that passed."""

    report: GateReport
    translations: list[Hypothesis]
    """What they made of the sample, with a beam."""


def limits_of(loaded: LoadedModel) -> Limits:
    return Limits(
        max_source_tokens=loaded.max_source_tokens,
        max_target_tokens=loaded.max_target_tokens,
    )


def pass_gate(
    loaded: LoadedModel,
    onnx: OrtStepper,
    precision: Precision,
    sample: Sample,
    on_progress: Progress,
) -> Verdict:
    """The figures of a pair of graphs that may become a bundle.

    Raises ExportError if they translate otherwise than `loaded.model` does.
    """
    torch = TorchStepper(loaded.model)
    beam_size = max(loaded.defaults.beam_size, 4)
    lockstep = Lockstep(torch, onnx)

    def decode(stepper: Stepper, what: str, beam: int) -> list[Hypothesis]:
        options = _options(loaded, sample, beam)
        return _decode(stepper, sample, options, lambda n: report(what, n))

    def report(what: str, done: int) -> None:
        on_progress(what, done, len(sample.sources))

    greedy = decode(lockstep, "PyTorch and ONNX, greedy, in step", 1)
    greedy_onnx = decode(onnx, "ONNX, greedy", 1)
    beam = decode(torch, f"PyTorch, beam {beam_size}", beam_size)
    beam_onnx = decode(onnx, f"ONNX, beam {beam_size}", beam_size)

    if precision == "fp32":
        _require_equal(greedy, greedy_onnx, "greedy")
        _require_equal(beam, beam_onnx, f"beam {beam_size}")
    scores_pytorch, scores = (
        score(loaded, [each.tokens for each in found], sample.references)
        for found in (beam, beam_onnx)
    )
    require_quality(precision, scores, scores_pytorch)
    figures = GateReport(
        sentences=len(sample.sources),
        text=f"first {len(sample.sources)} sentences of {loaded.validation_name}",
        greedy_equal=_num_equal(greedy, greedy_onnx),
        beam_size=beam_size,
        beam_equal=_num_equal(beam, beam_onnx),
        max_logit_difference=lockstep.max_difference,
        bleu=scores.get("BLEU"),
        bleu_pytorch=scores_pytorch.get("BLEU"),
        chrf=scores.get("chrF"),
        chrf_pytorch=scores_pytorch.get("chrF"),
    )
    return Verdict(figures, beam_onnx)


def draw_sample(
    loaded: LoadedModel, precision: Precision, max_sentences: int = MAX_SENTENCES
) -> Sample:
    """The first sentences that fit.

    Raises ExportError if there are none, or none to judge this precision by.
    """
    tokenizer, _ = loaded.read_tokenizers()
    ids = [tokenizer.encode(text) for text in loaded.validation_source]
    fitting = [
        at
        for at, source in enumerate(ids)
        if source and len(source) <= loaded.max_source_tokens
    ][:max_sentences]
    if not fitting:
        raise ExportError(
            "the gate has no sentences to compare: the run's validation text is not "
            "at hand; say where the corpus is with --data"
        )
    references = loaded.validation_reference
    if precision in MAX_LOSS and not references:
        raise ExportError(
            f"{precision} is judged by BLEU, and the validation references are not at "
            "hand; say where a run's corpus is with --data, or give an import --text "
            "and --references"
        )
    return Sample(
        sources=[ids[at] for at in fitting],
        references=[references[at] for at in fitting] if references else [],
    )


def _options(
    loaded: LoadedModel, sample: Sample, beam_size: int
) -> list[SearchOptions]:
    defaults, limits = loaded.defaults, limits_of(loaded)
    return [
        SearchOptions(
            max_target_tokens=defaults.max_target_tokens(len(source), limits),
            beam_size=beam_size,
            length_penalty=defaults.length_penalty,
            begin=loaded.target_prefix,
            with_scores=True,  # to tell a near tie from a mistake
        )
        for source in sample.sources
    ]


def _decode(
    stepper: Stepper,
    sample: Sample,
    options: Sequence[SearchOptions],
    on_progress: Callable[[int], None],
) -> list[Hypothesis]:
    best: list[Hypothesis] = []
    for at in range(0, len(options), BATCH):
        batch = slice(at, at + BATCH)
        found = decode_batch(stepper, sample.sources[batch], options[batch])
        best += [hypotheses[0] for hypotheses in found]
        on_progress(len(best))
    return best


class Lockstep:
    """Follows the first stepper's logits, and notes how far the second's are off."""

    def __init__(self, first: Stepper, second: Stepper) -> None:
        self._steppers = first, second
        self.max_difference = 0.0

    def start(self, source_ids: Ints, source_visible: Bools) -> Rows:
        first, second = (
            each.start(source_ids, source_visible) for each in self._steppers
        )
        return _LockstepRows(self, first, second)


class _LockstepRows:
    def __init__(self, gate: Lockstep, first: Rows, second: Rows) -> None:
        self._gate, self._first, self._second = gate, first, second

    def step(self, tokens: Ints) -> Floats:
        logits = self._first.step(tokens)
        difference = np.abs(self._second.step(tokens) - logits)
        # Of what is never said, only that it is so: it is too low to be exact.
        difference[(logits < NEVER / 2) & (difference < -NEVER / 4)] = 0
        difference = difference.max()
        # A NaN is infinitely far off; max() would lose it.
        worst = float(difference) if np.isfinite(difference) else float("inf")
        self._gate.max_difference = max(self._gate.max_difference, worst)
        return logits

    def gather(self, parents: Ints) -> None:
        self._first.gather(parents)
        self._second.gather(parents)


def _num_equal(ours: list[Hypothesis], theirs: list[Hypothesis]) -> int:
    return sum(a.tokens == b.tokens for a, b in zip(ours, theirs, strict=True))


def _require_equal(
    pytorch: list[Hypothesis], onnx: list[Hypothesis], search: str
) -> None:
    different = [
        at
        for at, (a, b) in enumerate(zip(pytorch, onnx, strict=True))
        if a.tokens != b.tokens
    ]
    if not different:
        return
    first = different[0]
    gap = abs(pytorch[first].score - onnx[first].score)
    raise ExportError(
        f"the gate refused: with {search} search, {len(different)} of {len(pytorch)} "
        "validation sentences decode to other tokens in onnxruntime than in PyTorch. "
        f"The first is sentence {first + 1}, whose two scores are {gap:.2g} apart "
        "(below 1e-5 it is a near tie, decided by rounding; above, the graphs compute "
        "something else). No bundle was written"
    )


def score(
    loaded: LoadedModel, targets: Sequence[Sequence[int]], references: list[str]
) -> dict[str, float]:
    """Cased, detokenised, as `onnxlate evaluate` has it; {} without references."""
    if not references:
        return {}
    _, tokenizer = loaded.read_tokenizers()
    texts = [tokenizer.decode(each) for each in targets]
    found = evaluation.score(texts, references, target_language=loaded.target_language)
    return {"BLEU": round(found.bleu, 4), "chrF": round(found.chrf, 4)}


def require_quality(
    precision: Precision, scores: dict[str, float], pytorch: dict[str, float]
) -> None:
    """Raises ExportError if a precision that may lose something loses too much."""
    if precision not in MAX_LOSS:
        return
    for metric, limit in ((name, MAX_LOSS[precision]) for name in scores):
        loss = pytorch[metric] - scores[metric]
        if loss > limit:
            raise ExportError(
                f"the gate refused: {precision} loses {loss:.2f} {metric} against "
                f"PyTorch ({scores[metric]:.2f} for {pytorch[metric]:.2f}); at most "
                f"{limit} may go. No bundle was written; --precision fp32 loses nothing"
            )
