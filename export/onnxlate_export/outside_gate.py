"""The gate of a model that somebody else trained: as their own program decodes it.

It asks more than the gate of our own models. Those are compared with PyTorch by one
search; here the other program brings its own search too, and the weights were read
under other names.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from onnxlate.bundle import GateReport, Precision
from onnxlate.errors import ExportError
from onnxlate.search import Hypothesis, SearchOptions
from onnxlate_training.checkpoint import LoadedModel
from onnxlate_training.decode import Stepper, TorchStepper, decode_batch

from .gate import (
    Lockstep,
    Progress,
    Sample,
    Verdict,
    limits_of,
    require_quality,
    score,
)
from .packed import packed
from .side_by_side import side_by_side
from .stepper import OrtStepper

Target = TypeVar("Target")

MAX_OUTSIDE = 64
"""Sentences, if nothing else is said: a large model takes a second for each."""

RATIO, EXTRA = 1.25, 8
"""Targets are compared up to so many tokens per source token, and so many more: most
end before, and what random weights say beyond tells nothing more."""

ROWS, MOST = 64, 32
"""Hypotheses and sentences that are decoded together, of similar lengths."""


Judge = Callable[[OrtStepper, Precision], Verdict]


class Outside(Protocol):
    """Another program with the same model; it may be asked several things at once."""

    name: str

    def translate(
        self, sources: Sequence[Sequence[int]], beam_size: int, longest: int
    ) -> list[list[int]]:
        """Targets without their ends, of at most `longest` tokens with them."""


@contextlib.contextmanager
def outside_gate(
    loaded: LoadedModel, outside: Outside, sample: Sample, on_progress: Progress
) -> Iterator[Judge]:
    """Begins to ask `outside`, which takes its time; inside, graphs can be judged.

    The judge gives the figures of a pair of graphs that may become a bundle, and raises
    ExportError if they translate otherwise than `outside` does.
    """
    beam_size = max(loaded.defaults.beam_size, 4)
    with side_by_side() as pool:
        batches = _Batches(loaded, sample, pool)
        # The dearest first, so that all cores have something to do until the end.
        beam_outside, greedy_outside = (
            batches.theirs(outside, each) for each in (beam_size, 1)
        )

        def judged(onnx: OrtStepper, precision: Precision) -> Verdict:
            locksteps: list[Lockstep] = []

            def lockstep() -> Lockstep:
                locksteps.append(Lockstep(onnx, TorchStepper(loaded.model)))
                return locksteps[-1]

            def found(answers: Answers[Target], what: str) -> list[Target]:
                return answers.collected(what, on_progress)

            with packed(loaded.model):
                beam = batches.ours(lambda: onnx, beam_size)
                greedy = batches.ours(lockstep, 1)
                both = Both(
                    beam_outside=found(
                        beam_outside, f"{outside.name}, beam {beam_size}"
                    ),
                    greedy_outside=found(greedy_outside, f"{outside.name}, greedy"),
                    beam=found(beam, f"ONNX, beam {beam_size}"),
                    greedy=found(greedy, "ONNX and PyTorch, greedy, in step"),
                )
            furthest = max(each.max_difference for each in locksteps)
            return _verdict(loaded, outside, precision, sample, both, furthest)

        yield judged


@dataclass(frozen=True)
class Both:
    """What both said of each sentence."""

    greedy: list[Hypothesis]
    greedy_outside: list[list[int]]
    beam: list[Hypothesis]
    beam_outside: list[list[int]]


def _verdict(
    loaded: LoadedModel,
    outside: Outside,
    precision: Precision,
    sample: Sample,
    both: Both,
    max_logit_difference: float,
) -> Verdict:
    beam_size = max(loaded.defaults.beam_size, 4)
    if precision == "fp32":
        _require_equal(outside, both.greedy, both.greedy_outside, "greedy")
        _require_equal(outside, both.beam, both.beam_outside, f"beam {beam_size}")
    scores_outside = score(loaded, both.beam_outside, sample.references)
    scores = score(loaded, _tokens(both.beam), sample.references)
    require_quality(precision, scores, scores_outside)
    sentences = len(sample.sources)
    figures = GateReport(
        sentences=sentences,
        text=f"first {sentences} sentences of {loaded.validation_name}, "
        f"against {outside.name}",
        greedy_equal=sentences - len(_different(both.greedy, both.greedy_outside)),
        beam_size=beam_size,
        beam_equal=sentences - len(_different(both.beam, both.beam_outside)),
        max_logit_difference=max_logit_difference,
        bleu=scores.get("BLEU"),
        bleu_pytorch=scores_outside.get("BLEU"),
        chrf=scores.get("chrF"),
        chrf_pytorch=scores_outside.get("chrF"),
    )
    return Verdict(figures, both.beam)


@dataclass(frozen=True)
class Answers(Generic[Target]):
    """Of one decoding, batch by batch, as they come."""

    places: list[list[int]]
    """Of each batch's sentences in the sample."""
    batches: list[Future[list[Target]]]

    def collected(self, what: str, tell: Progress) -> list[Target]:
        """All sentences', in the sample's order, once they are there."""
        found: dict[int, Target] = {}
        total = sum(map(len, self.places))
        for places, batch in zip(self.places, self.batches, strict=True):
            found.update(zip(places, batch.result(), strict=True))
            tell(what, len(found), total)
        return [found[at] for at in range(total)]


class _Batches:
    """Sentences of similar length together: theirs has one limit for a whole batch."""

    def __init__(self, loaded: LoadedModel, sample: Sample, pool: Executor) -> None:
        self._loaded = loaded
        self._sources = sample.sources
        self._pool = pool

    def ours(
        self, stepper: Callable[[], Stepper], beam_size: int
    ) -> Answers[Hypothesis]:
        """Each batch's, of a stepper for itself."""

        def translate(sources: list[list[int]], longest: int) -> list[Hypothesis]:
            options = SearchOptions(
                max_target_tokens=longest,
                beam_size=beam_size,
                num_hypotheses=beam_size,
                length_penalty=self._loaded.defaults.length_penalty,
                begin=self._loaded.target_prefix,
                with_scores=True,
            )
            found = decode_batch(stepper(), sources, [options] * len(sources))
            # Ours puts what ended before what was cut off; theirs has the best first.
            return [max(each, key=lambda one: one.score) for each in found]

        return self._asked(translate, beam_size)

    def theirs(self, outside: Outside, beam_size: int) -> Answers[list[int]]:
        def translate(sources: list[list[int]], longest: int) -> list[list[int]]:
            return outside.translate(sources, beam_size, longest)

        return self._asked(translate, beam_size)

    def _asked(
        self,
        translate: Callable[[list[list[int]], int], list[Target]],
        beam_size: int,
    ) -> Answers[Target]:
        sources, most = self._sources, limits_of(self._loaded).max_target_tokens
        order = sorted(range(len(sources)), key=lambda at: -len(sources[at]))
        size = max(1, min(MOST, ROWS // beam_size))
        places = [order[at : at + size] for at in range(0, len(order), size)]
        batches = []
        for each in places:
            batch = [sources[at] for at in each]
            longest = min(int(len(batch[0]) * RATIO) + EXTRA, most)
            batches.append(self._pool.submit(translate, batch, longest))
        return Answers(places, batches)


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
