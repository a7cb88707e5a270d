"""`onnxlate top`: a running server at a glance, from its metrics."""

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import count, islice, pairwise
from typing import Annotated

import typer
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from onnxlate.credentials import Credentials
from onnxlate.errors import ConfigError, Unavailable

from . import options as shared
from .credentials import with_credentials

TIMEOUT_S = 10.0

TRANSLATING = {
    "/onnxlate.v1.TranslationService/Translate",
    "/onnxlate.v1.TranslationService/TranslateStream",
    "/inference.GRPCInferenceService/ModelInfer",
}
"""Methods whose times count."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Snapshot:
    """All samples of a page."""

    at: float
    """Seconds, of a clock that only runs."""
    values: Mapping[str, Mapping[Labels, float]]

    def total(self, name: str, **labels: str) -> float:
        """Summed over whatever is not said."""
        wanted = set(labels.items())
        found = self.values.get(name, {}).items()
        return sum(value for has, value in found if wanted <= set(has))

    def label_values(self, name: str, label: str) -> list[str]:
        return sorted({dict(has)[label] for has in self.values.get(name, {})})


@dataclass
class ModelView:
    texts_a_second: float
    source_tokens_a_second: float
    target_tokens_a_second: float
    rows_in_use: int
    max_rows: int
    waiting_texts: int
    waiting_tokens: int
    rows_a_step: float
    """How many are decoded together, on average."""


@dataclass
class View:
    """What a server did between two looks at it."""

    seconds: float
    calls_a_second: dict[str, float] = field(default_factory=dict)
    """By status."""
    latency_s: dict[str, float] = field(default_factory=dict)
    """p50, p95 and p99 of the calls that ended; empty without any."""
    models: dict[str, ModelView] = field(default_factory=dict)
    """By NAME@VERSION."""


@with_credentials
def top(
    metrics: Annotated[
        str,
        typer.Argument(metavar="HOST:PORT", help="What `serve --metrics` was given."),
    ] = "127.0.0.1:9090",
    interval_s: Annotated[
        float, typer.Option("--interval", min=0.1, help="Seconds between two looks.")
    ] = 2.0,
    looks: Annotated[
        int | None,
        typer.Option(min=1, help="Ends after so many.", show_default="never"),
    ] = None,
    as_json: shared.Json = False,
    *,
    credentials: Credentials,
) -> None:
    """Watch a running server: calls, waiting times, rows and what waits for them."""
    snapshots = _snapshots(metrics, interval_s, credentials)
    views = islice((_view(*both) for both in pairwise(snapshots)), looks)
    if as_json:
        for view in views:
            print(json.dumps(asdict(view)), flush=True)
        return
    with Live(console=Console(), screen=looks is None, auto_refresh=False) as live:
        for view in views:
            live.update(_drawn(metrics, view), refresh=True)


def _snapshots(
    metrics: str, interval_s: float, credentials: Credentials
) -> Iterator[Snapshot]:
    request = urllib.request.Request(_url(metrics, credentials))
    for name, value in credentials.metadata:
        # Not to whom it may be sent on.
        request.add_unredirected_header(name.capitalize(), value)
    context = _context(credentials)
    for number in count():
        if number:
            time.sleep(interval_s)
        yield _snapshot(_page(request, context, metrics))


def _url(metrics: str, credentials: Credentials) -> str:
    if "://" in metrics:
        raise ConfigError(f"{metrics!r} is not HOST:PORT; leave out the scheme")
    credentials.check(metrics)
    if credentials.server_name:
        raise ConfigError("the metrics' certificate must name their address itself")
    scheme = "https" if credentials.encrypted else "http"
    return f"{scheme}://{metrics}/metrics"


def _context(credentials: Credentials) -> ssl.SSLContext | None:
    if not credentials.encrypted:
        return None
    try:
        context = ssl.create_default_context(cafile=credentials.ca)
        if credentials.certificate:
            context.load_cert_chain(credentials.certificate, credentials.key)
    except OSError as cause:
        raise ConfigError(f"the certificates cannot be used: {cause}") from cause
    return context


def _page(
    request: urllib.request.Request, context: ssl.SSLContext | None, metrics: str
) -> str:
    try:
        with urllib.request.urlopen(
            request, timeout=TIMEOUT_S, context=context
        ) as answer:
            content: bytes = answer.read()
    except urllib.error.HTTPError as cause:
        with cause:
            words = cause.read(200).decode("utf-8", "replace").strip()
        raise ConfigError(f"{metrics} answers {cause.code}: {words}") from cause
    except urllib.error.URLError as cause:
        if isinstance(cause.reason, ssl.SSLError):
            raise Unavailable(f"{metrics} is not trusted: {cause.reason}") from cause
        raise _nobody(metrics) from cause
    except (OSError, ValueError, http.client.HTTPException) as cause:
        raise _nobody(metrics) from cause
    return content.decode("utf-8", "replace")


def _nobody(metrics: str) -> Unavailable:
    return Unavailable(
        f"nobody shows metrics at {metrics}; start the server with --metrics {metrics}"
    )


def _snapshot(page: str) -> Snapshot:
    values: dict[str, dict[Labels, float]] = defaultdict(dict)
    try:
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                labels = tuple(sorted(sample.labels.items()))
                values[sample.name][labels] = sample.value
    except ValueError as cause:
        raise ConfigError("what answers there shows no metrics") from cause
    if "onnxlate_model_info" not in values:
        raise ConfigError("these are metrics of something else than onnxlate")
    return Snapshot(time.monotonic(), values)


def _view(before: Snapshot, after: Snapshot) -> View:
    seconds = after.at - before.at

    def rate(name: str, **labels: str) -> float:
        change = after.total(name, **labels) - before.total(name, **labels)
        return round(max(change, 0.0) / seconds, 2)

    view = View(round(seconds, 3), latency_s=_percentiles(before, after))
    for status in after.label_values("onnxlate_calls_total", "status"):
        view.calls_a_second[status] = rate("onnxlate_calls_total", status=status)
    for labels in after.values["onnxlate_model_info"]:
        about = dict(labels)
        only = {"model": about["model"], "version": about["version"]}
        steps = rate("onnxlate_steps_total", **only)
        rows = rate("onnxlate_decoded_rows_total", **only)
        view.models[f"{only['model']}@{only['version']}"] = ModelView(
            texts_a_second=rate("onnxlate_texts_total", **only),
            source_tokens_a_second=rate("onnxlate_source_tokens_total", **only),
            target_tokens_a_second=rate("onnxlate_target_tokens_total", **only),
            rows_in_use=int(after.total("onnxlate_rows_in_use", **only)),
            max_rows=int(after.total("onnxlate_max_rows", **only)),
            waiting_texts=int(after.total("onnxlate_waiting_texts", **only)),
            waiting_tokens=int(after.total("onnxlate_waiting_tokens", **only)),
            rows_a_step=round(rows / steps, 2) if steps else 0.0,
        )
    return view


def _percentiles(before: Snapshot, after: Snapshot) -> dict[str, float]:
    """From the histogram of what lies between, evenly within each of its buckets."""
    counts: dict[float, float] = defaultdict(float)
    name = "onnxlate_call_seconds_bucket"
    for labels, value in after.values.get(name, {}).items():
        about = dict(labels)
        if about["method"] in TRANSLATING:
            change = value - before.values.get(name, {}).get(labels, 0.0)
            counts[float(about["le"])] += change
    total = max(counts.values(), default=0.0)
    if total <= 0:
        return {}
    bounds = sorted(counts)
    return {
        f"p{percent}": round(_quantile(bounds, counts, total * percent / 100), 5)
        for percent in (50, 95, 99)
    }


def _quantile(
    bounds: list[float], counts: Mapping[float, float], wanted: float
) -> float:
    lower = below = 0.0
    for bound in bounds:
        upto = counts[bound]
        if upto >= wanted:
            if bound == float("inf"):
                break
            share = (wanted - below) / (upto - below) if upto > below else 1.0
            return lower + (bound - lower) * share
        lower, below = bound, upto
    return lower  # it is longer than the longest bucket; nobody knows by how much


def _drawn(metrics: str, view: View) -> RenderableType:
    calls = Table(title=f"onnxlate at {metrics}", title_justify="left")
    calls.add_column("status")
    calls.add_column("calls a second", justify="right")
    for status, rate in view.calls_a_second.items():
        style = "" if status == "OK" else "red" if status == "INTERNAL" else "yellow"
        calls.add_row(status, f"{rate:,.1f}", style=style if rate else "dim")
    times = "  ".join(
        f"{name} {1000 * seconds:,.1f} ms" for name, seconds in view.latency_s.items()
    )
    models = Table(caption="in and out: tokens; waiting: texts (tokens)")
    models.add_column("model", no_wrap=True)
    for heading in ("texts/s", "in/s", "out/s", "rows", "in use", "waiting"):
        models.add_column(heading, justify="right")
    for name, model in view.models.items():
        models.add_row(
            name,
            f"{model.texts_a_second:,.1f}",
            f"{model.source_tokens_a_second:,.0f}",
            f"{model.target_tokens_a_second:,.0f}",
            ProgressBar(model.max_rows, model.rows_in_use, width=8),
            f"{model.rows_in_use}/{model.max_rows}",
            f"{model.waiting_texts} ({model.waiting_tokens})",
        )
    return Group(calls, f"a call takes  {times}" if times else "no call ended", models)
