"""The gate of a model that somebody else trained: as their own program decodes it.

It asks more than the gate of our own models. Those are compared with PyTorch by one
search; here the other program brings its own search too, and the weights were read
under other names.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from onnxlate.bundle import GateReport, Precision
from onnxlate.errors import ExportError
from onnxlate.search import Hypothesis, SearchOptions
from onnxlate_training.checkpoint import LoadedModel
from onnxlate_training.decode import Stepper, TorchStepper, decode_batch

from .gate import (
    BATCH,
    Lockstep,
    Progress,
    Sample,
    Verdict,
    limits_of,
    require_quality,
    score,
)
from .stepper import OrtStepper

Target = TypeVar("Target")

MAX_OUTSIDE = 64
"""Sentences, if nothing else is said: a large model takes a second for each."""

RATIO, EXTRA = 1.25, 8
"""Targets are compared up to so many tokens per source token, and so many more: most
end before, and what random weights say beyond tells nothing more."""


class Outside(Protocol):
    """Another program with the same model."""

    name: str

    def translate(
        self, sources: Sequence[Sequence[int]], beam_size: int, longest: int
    ) -> list[list[int]]:
        """Targets without their ends, of at most `longest` tokens with them."""


def pass_outside_gate(
    loaded: LoadedModel,
    onnx: OrtStepper,
    outside: Outside,
    precision: Precision,
    sample: Sample,
    on_progress: Progress,
) -> Verdict:
    """The figures of a pair of graphs that may become a bundle.

    Raises ExportError if they translate otherwise than `outside` does.
    """
    beam_size = max(loaded.beam_size, 4)
    lockstep = Lockstep(onnx, TorchStepper(loaded.model))
    batches = _Batches(loaded, sample, on_progress)

    greedy = batches.ours(lockstep, "ONNX and PyTorch, greedy, in step", 1)
    greedy_outside = batches.theirs(outside, 1)
    beam = batches.ours(onnx, f"ONNX, beam {beam_size}", beam_size)
    beam_outside = batches.theirs(outside, beam_size)

    if precision == "fp32":
        _require_equal(outside, greedy, greedy_outside, "greedy")
        _require_equal(outside, beam, beam_outside, f"beam {beam_size}")
    scores_outside = score(loaded, beam_outside, sample.references)
    scores = score(loaded, _tokens(beam), sample.references)
    require_quality(precision, scores, scores_outside)
    figures = GateReport(
        sentences=len(sample.sources),
        text=f"first {len(sample.sources)} sentences of {loaded.validation_name}, "
        f"against {outside.name}",
        greedy_equal=len(sample.sources) - len(_different(greedy, greedy_outside)),
        beam_size=beam_size,
        beam_equal=len(sample.sources) - len(_different(beam, beam_outside)),
        max_logit_difference=lockstep.max_difference,
        bleu=scores.get("BLEU"),
        bleu_pytorch=scores_outside.get("BLEU"),
        chrf=scores.get("chrF"),
        chrf_pytorch=scores_outside.get("chrF"),
    )
    return Verdict(figures, beam)


@dataclass(frozen=True)
class _Batches:
    """Sentences of similar length together: theirs has one limit for a whole batch."""

    loaded: LoadedModel
    sample: Sample
    on_progress: Progress

    def ours(self, stepper: Stepper, what: str, beam_size: int) -> list[Hypothesis]:
        def translate(sources: list[list[int]], longest: int) -> list[Hypothesis]:
            options = SearchOptions(
                max_target_tokens=longest,
                beam_size=beam_size,
                num_hypotheses=beam_size,
                length_penalty=self.loaded.length_penalty,
                begin=self.loaded.target_prefix,
                with_scores=True,
            )
            found = decode_batch(stepper, sources, [options] * len(sources))
            # Ours puts what ended before what was cut off; theirs has the best first.
            return [max(each, key=lambda one: one.score) for each in found]

        return self._all(translate, what)

    def theirs(self, outside: Outside, beam_size: int) -> list[list[int]]:
        def translate(sources: list[list[int]], longest: int) -> list[list[int]]:
            return outside.translate(sources, beam_size, longest)

        return self._all(translate, f"{outside.name}, beam {beam_size}")

    def _all(
        self, translate: Callable[[list[list[int]], int], list[Target]], what: str
    ) -> list[Target]:
        sources = self.sample.sources
        order = sorted(range(len(sources)), key=lambda at: len(sources[at]))
        limits = limits_of(self.loaded)
        found: dict[int, Target] = {}
        for at in range(0, len(order), BATCH):
            batch = order[at : at + BATCH]
            longest = int(len(sources[batch[-1]]) * RATIO) + EXTRA
            longest = min(longest, limits.max_target_tokens)
            targets = translate([sources[each] for each in batch], longest)
            found.update(zip(batch, targets, strict=True))
            self.on_progress(what, len(found), len(sources))
        return [found[at] for at in range(len(sources))]


def _tokens(found: Sequence[Hypothesis]) -> list[list[int]]:
    return [list(each.tokens) for each in found]


def _different(ours: Sequence[Hypothesis], theirs: Sequence[list[int]]) -> list[int]:
    pairs = enumerate(zip(_tokens(ours), theirs, strict=True))
    return [at for at, (one, other) in pairs if one != other]


def _require_equal(
    outside: Outside,
    ours: Sequence[Hypothesis],
    theirs: Sequence[list[int]],
    search: str,
) -> None:
    if different := _different(ours, theirs):
        raise ExportError(
            f"the gate refused: with {search} search, {len(different)} of {len(ours)} "
            f"sentences decode to other tokens in onnxruntime than in {outside.name}. "
            f"The first is sentence {different[0] + 1}. No bundle was written"
        )
