"""What deploy/ asks Prometheus for is what a server shows."""

import json
import re
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from onnxlate.bundle import Bundle
from onnxlate.v1 import translation_pb2 as pb
from onnxlate_serving.config import ServerConfig

from .serving import ANYWHERE, connected
from .web import fetch, running

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = re.compile(r"\bonnxlate_[a-z_]+")


def expressions() -> list[str]:
    """Of every panel, every alert, and what autoscaling goes by."""
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    alerts = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())
    panels = [
        target["expr"] for panel in dashboard["panels"] for target in panel["targets"]
    ]
    rules = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    adapter = yaml.safe_load(
        (DEPLOY / "kubernetes" / "monitoring" / "adapter.yaml").read_text()
    )
    series = [rule["seriesQuery"] for rule in adapter["rules"]["custom"]]
    assert len(panels) > 15
    assert len(rules) > 4
    assert series
    return panels + rules + series


async def test_every_metric_and_label_they_name_is_there(bundle: Bundle) -> None:
    config = ServerConfig(bundles=(bundle.path,), listen=ANYWHERE, metrics=ANYWHERE)
    async with running(config) as server, connected(server.address) as stub:
        options = pb.TranslateOptions(max_target_tokens=1, truncate_source=True)
        texts = ["one two " * 200, "one"]
        await stub.Translate(pb.TranslateRequest(texts=texts, options=options))
        _, text = await fetch(server.server, "/metrics")
    samples = [
        sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    labels = {sample.name: set(sample.labels) for sample in samples}

    used = set[str]()
    for expression in expressions():
        names = set(NAME.findall(expression))
        used |= names
        assert names <= labels.keys() or expression == 'up{job="onnxlate"} == 0'
        # "job" and "instance" are Prometheus' own.
        for found in re.findall(r"(?:by|on) \(([a-z_, ]+)\)", expression):
            wanted = set(found.split(", ")) - {"job"}
            for name in names:
                assert wanted <= labels[name], expression
    shown = {
        sample.name
        for sample in samples
        if not sample.name.endswith(("_created", "_count", "_sum"))
    }
    assert used == shown, "the dashboard and the alerts leave nothing out"
