"""What a step of the engine costs, and what a sentence adds once: CPU seconds.

Measured on the engine's own parts, the real scheduler before the real runner, with
every batch size in turn. CPU time hardly depends on who else is at the machine.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from onnxlate.bundle import Bundle
from onnxlate.errors import ConfigError
from onnxlate.sentence import SearchOptions
from onnxlate.text import Tokenizer
from onnxlate_serving.config import RuntimeConfig, SchedulerConfig
from onnxlate_serving.request import Request
from onnxlate_serving.runner import OnnxRunner
from onnxlate_serving.scheduler import Scheduler
from onnxlate_serving.sessions import Sessions

from ..settings import Record

SENTENCES_AT_ONCE = (1, 2, 4, 8, 16, 32)
"""In the batches that are measured, and as many as there is room for."""


class Sentence(Record):
    """As much of a text as matters to time."""

    source_tokens: int
    steps: int
    """Until its search is over."""


class Costs(Record):
    """CPU seconds of one replica on one core."""

    beam_size: int
    sentences: list[int]
    """In the batches that were measured, rising."""

    steps: list[float]
    """A step of the decoder with each of these, and between them by straight lines."""

    join: float
    """More for a step that somebody joins."""

    source_token: float
    """More for each token that is encoded."""

    call: float = 0.0
    """Of the event loop, for each call: gRPC, tokenising, hand-over."""

    def seconds(self, sentences: int, joining: Sequence[int] = ()) -> float:
        """One step with so many sentences in it; `joining` have so many tokens."""
        joined = self.join + self.source_token * sum(joining) if joining else 0.0
        return joined + float(np.interp(sentences, self.sentences, self.steps))

    def times(self, factor: float) -> "Costs":
        """The same with all that the engine does so much dearer."""
        return self.model_copy(
            update={
                "steps": [factor * seconds for seconds in self.steps],
                "join": factor * self.join,
                "source_token": factor * self.source_token,
            }
        )

    @property
    def most_sentences(self) -> int:
        return self.sentences[-1]

    @property
    def scheduler(self) -> SchedulerConfig:
        """With the rows that were measured, and no more: what a step would take with
        them is not known."""
        return SchedulerConfig(max_rows=self.most_sentences * self.beam_size)


@dataclass(frozen=True, slots=True)
class Noted:
    """One step that was made."""

    sentences: int
    joining: tuple[int, ...]
    seconds: float


class EngineParts:
    """A scheduler and a runner, with no thread and no loop around them."""

    def __init__(self, path: Path, beam_size: int) -> None:
        self.bundle = Bundle.open(path)
        self.beam_size = beam_size
        runtime = RuntimeConfig(device="cpu", workers=1, threads=1)
        self._sessions = Sessions(self.bundle, runtime)
        self._tokenizer = Tokenizer(self.bundle.source_tokenizer)

    @property
    def rows(self) -> int:
        return self._sessions.rows

    @property
    def width(self) -> int:
        return self.bundle.manifest.model.width

    def requests(self, texts: Sequence[str]) -> list[Request]:
        manifest = self.bundle.manifest
        made = []
        for text in texts:
            ids = tuple(self._tokenizer.encode(text))
            options = SearchOptions(
                manifest.defaults.max_target_tokens(len(ids), manifest.limits),
                self.beam_size,
                length_penalty=manifest.defaults.length_penalty,
            )
            made.append(Request(ids, options))
        return made

    def decode(
        self, requests: Sequence[Request], at_once: int
    ) -> tuple[list[Noted], list[Sentence]]:
        """All of them; what each step took, and what each sentence needed."""
        rows = at_once * self.beam_size
        scheduler = Scheduler(SchedulerConfig(max_rows=rows, max_waiting=100_000))
        runner = OnnxRunner(self.bundle, self._sessions, rows)
        scheduler.add(requests)
        notes: list[Noted] = []
        steps = dict.fromkeys(requests, 0)
        while step := scheduler.schedule():
            began = time.thread_time()
            pieces = runner.run(step)
            seconds = time.thread_time() - began
            joining = tuple(len(each.source_ids) for each in step.encode)
            notes.append(Noted(len(step.decode), joining, seconds))
            for request in step.decode:
                steps[request] += 1
            for piece in pieces:
                if piece.hypotheses:
                    scheduler.finish(piece.request)
        sentences = [
            Sentence(source_tokens=len(request.source_ids), steps=number)
            for request, number in steps.items()
        ]
        return notes, sentences


def measure_costs(
    parts: EngineParts, texts: Sequence[str], seconds: float
) -> tuple[Costs, list[Sentence]]:
    """`seconds` is about how long each batch size is tried, and at least once."""
    requests = parts.requests(texts)
    most = parts.rows // parts.beam_size
    sizes = [each for each in SENTENCES_AT_ONCE if each < most] + [most]
    parts.decode(requests[:most], most)  # the first ones make room
    notes: list[Noted] = []
    for at_once in sizes:
        ended = time.thread_time() + seconds
        while True:
            some, sentences = parts.decode(requests, at_once)
            notes += some
            if time.thread_time() > ended:
                break
    return fitted(notes, sizes, parts.beam_size), sentences


def fitted(notes: Sequence[Noted], sizes: Sequence[int], beam_size: int) -> Costs:
    """Means over the steps of full batches, and what joining adds to them.

    Raises ConfigError where there were too few sentences for such steps.
    """
    steps = []
    for size in sizes:
        full = [
            each.seconds
            for each in notes
            if each.sentences == size and not each.joining
        ]
        if not full:
            raise ConfigError(f"too few sentences to fill a batch of {size}")
        steps.append(usual_mean(full))
    alone = Costs(
        beam_size=beam_size, sentences=[*sizes], steps=steps, join=0, source_token=0
    )
    joined = [each for each in notes if each.joining]
    more = [each.seconds - alone.seconds(each.sentences) for each in joined]
    causes = [(1, sum(each.joining)) for each in joined]
    (join, source_token), *_ = np.linalg.lstsq(np.array(causes), np.array(more))
    return alone.model_copy(
        update={"join": max(0.0, join), "source_token": max(0.0, source_token)}
    )


def usual_mean(seconds: Sequence[float]) -> float:
    """Without the slowest hundredth, which was interrupted."""
    ordered = sorted(seconds)
    return fmean(ordered[: len(ordered) - len(ordered) // 100])
