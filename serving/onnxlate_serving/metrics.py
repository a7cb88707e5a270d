"""What a server counts of itself, for Prometheus.

Calls and tokens are counted as they end. What an engine is at is asked for when
somebody scrapes, so that a step costs nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Counter_
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import grpc
from grpc.aio import AbortError
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from onnxlate.finish import FinishReason

from .call_log import CURRENT, Observed
from .translation import Translation

if TYPE_CHECKING:
    from .deployment import Deployment

SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    *(30.0, 60.0),
)
"""Bounds of the histograms' buckets: from one token of a small model to a document."""


MODEL = ("model", "version")
"""Labels of what is counted of each model."""

GAUGES = {
    "waiting_texts": "Texts that wait for rows.",
    "waiting_tokens": "Source tokens of texts that wait for rows.",
    "rows_in_use": "Rows of the decode batch that are taken.",
    "max_rows": "Rows of the decode batch.",
}
COUNTERS = {
    "steps": "Steps: a token for every row in use.",
    "decoded_rows": "Rows of all steps; divided by the steps, how full batches were.",
    "failed_steps": "Steps that failed.",
}
"""Fields of EngineState, summed over a model's engines."""


class Metrics:
    """Of one server; nothing is shared with others in the process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._watched: list[Deployment] = []
        self._num_texts: Counter_[tuple[str, str]] = Counter_()
        self.registry.register(_Watched(self._watched))
        self._calls = Counter(
            "onnxlate_calls",
            "Calls that ended, by method and gRPC status.",
            ("method", "status"),
            registry=self.registry,
        )
        self._call_seconds = Histogram(
            "onnxlate_call_seconds",
            "From a call's arrival to its end.",
            ("method",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._first_seconds = Histogram(
            "onnxlate_first_answer_seconds",
            "From a call's arrival to its first answer; of a stream, the first piece.",
            ("method",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._texts = self._of_models("texts", "Texts that were answered.")
        self._source_tokens = self._of_models(
            "source_tokens", "Tokens of answered texts."
        )
        self._target_tokens = self._of_models(
            "target_tokens", "Tokens of the best translations."
        )
        self._truncated = self._of_models(
            "truncated_texts", "Texts whose end was cut off, as their callers allowed."
        )
        self._unfinished = self._of_models(
            "unfinished_texts", "Texts whose translation reached its limit."
        )
        # To find one by its labels takes longer than to count with it.
        self._calls_of = cache(self._calls.labels)
        self._seconds_of = cache(self._call_seconds.labels)
        self._first_of = cache(self._first_seconds.labels)
        self._texts_of = cache(self._texts.labels)
        self._source_of = cache(self._source_tokens.labels)
        self._target_of = cache(self._target_tokens.labels)

    def _of_models(self, name: str, text: str) -> Counter:
        return Counter(f"onnxlate_{name}", text, MODEL, registry=self.registry)

    @contextmanager
    def call(
        self, method: str, context: Any, observed: Observed | None = None
    ) -> Iterator[Observed]:
        """Counts a call by what it comes to, when its answer is on its way; `context`
        is gRPC's, and this is for its event loop."""
        observed = observed or Observed()
        try:
            yield observed
            observed.first_answer()
        except AbortError:
            code = context.code()
            known = isinstance(code, grpc.StatusCode)
            observed.status = code.name if known else "UNKNOWN"
            raise
        except (asyncio.CancelledError, GeneratorExit):
            left = context.time_remaining()
            expired = left is not None and left <= 0
            observed.status = "DEADLINE_EXCEEDED" if expired else "CANCELLED"
            raise
        except Exception:
            # Our border turns all that goes wrong into a status; gRPC fails to send
            # that where nobody is there to hear it.
            observed.status = "CANCELLED"
            raise
        finally:
            seconds = observed.seconds
            count = partial(self._count, method, observed, seconds)
            asyncio.get_running_loop().call_soon(count)

    def _count(self, method: str, observed: Observed, seconds: float) -> None:
        self._calls_of(method, observed.status).inc()
        self._seconds_of(method).observe(seconds)
        if observed.first_seconds is not None:
            self._first_of(method).observe(observed.first_seconds)

    def answered(
        self, deployment: Deployment, translations: Iterable[Translation]
    ) -> None:
        """Counts texts that have their answers, when these are on their way."""
        texts = list(translations)
        if record := CURRENT.get():
            record.model = deployment.full_name
            record.texts += len(texts)  # a stream may have many requests
            record.source_tokens += num_source_tokens(texts)
            record.target_tokens += num_target_tokens(texts)
        count = partial(self._count_texts, labels_of(deployment), texts)
        asyncio.get_running_loop().call_soon(count)

    def _count_texts(
        self, model: tuple[str, str], texts: Sequence[Translation]
    ) -> None:
        best = [each.hypotheses[0] for each in texts]
        cut = sum(each.num_dropped_source_tokens > 0 for each in texts)
        unfinished = sum(each.finish_reason is FinishReason.LENGTH for each in best)
        # All at once, since every counter has a lock and is found by its labels.
        self._texts_of(*model).inc(len(texts))
        self._num_texts[model] += len(texts)
        self._source_of(*model).inc(num_source_tokens(texts))
        self._target_of(*model).inc(num_target_tokens(texts))
        if cut:
            self._truncated.labels(*model).inc(cut)
        if unfinished:
            self._unfinished.labels(*model).inc(unfinished)

    def num_texts(self, deployment: Deployment) -> int:
        """Texts of a model that were answered."""
        return self._num_texts[labels_of(deployment)]

    def failed(self, method: str, status: grpc.StatusCode) -> None:
        """Counts a request of a stream that goes on, as a call of its own."""
        self._calls_of(method, status.name).inc()

    def watch(self, deployment: Deployment) -> None:
        """Shows what a model is, and what its engines are at."""
        self._watched.append(deployment)

    def forget(self, deployment: Deployment) -> None:
        """Shows it no more; what it has answered stays counted."""
        self._watched.remove(deployment)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)


class _Watched(Collector):
    """Gauges of engines, read when they are asked for."""

    def __init__(self, deployments: Sequence[Deployment]) -> None:
        self._deployments = deployments

    def collect(self) -> Iterator[Metric]:
        about = GaugeMetricFamily(
            "onnxlate_model_info",
            "1 for each model that is served.",
            labels=("model", "version", "precision", "digest"),
        )
        families: list[tuple[GaugeMetricFamily | CounterMetricFamily, str]] = [
            (GaugeMetricFamily(f"onnxlate_{name}", text, labels=MODEL), name)
            for name, text in GAUGES.items()
        ]
        families += [
            (CounterMetricFamily(f"onnxlate_{name}", text, labels=MODEL), name)
            for name, text in COUNTERS.items()
        ]
        remembered = CounterMetricFamily(
            "onnxlate_remembered_answers",
            "Sentences, or draws of one, that were answered from memory.",
            labels=MODEL,
        )
        protected = CounterMetricFamily(
            "onnxlate_protected_texts",
            "Texts with something to keep, by how it was kept.",
            labels=(*MODEL, "way"),
        )
        for deployment in list(self._deployments):
            manifest, labels = deployment.manifest, labels_of(deployment)
            about.add_metric((*labels, manifest.precision, manifest.digest()), 1)
            layers = deployment.layers
            remembered.add_metric(labels, layers.sentences.num_remembered)
            for way, count in sorted(layers.protecting.ways.items()):
                protected.add_metric((*labels, way), count)
            states = [engine.state() for engine in deployment.engines]
            for family, name in families:
                total = sum(getattr(state, name) for state in states)
                family.add_metric(labels, total)
        yield from (about, remembered, protected)
        yield from (family for family, _ in families)


def num_source_tokens(texts: Iterable[Translation]) -> int:
    return sum(each.num_source_tokens for each in texts)


def num_target_tokens(texts: Iterable[Translation]) -> int:
    """Of the best answers."""
    return sum(each.hypotheses[0].num_target_tokens for each in texts)


def labels_of(deployment: Deployment) -> tuple[str, str]:
    return deployment.manifest.name, deployment.manifest.version
