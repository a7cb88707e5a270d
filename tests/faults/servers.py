"""Servers in processes of their own, and how to see that one is well."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from prometheus_client.parser import text_string_to_metric_families

from onnxlate import Client
from onnxlate.v1 import translation_pb2_grpc as pb_grpc
from tests.serving.server_process import METRICS, ServerProcess, server_process
from tests.serving.web import page_of

TEXTS = ["one two three", "four", "five six"]


@dataclass
class Running:
    """A server in a process of its own."""

    process: ServerProcess
    address: str
    metrics: str
    """Where its pages are."""
    answers: list[str]
    """What it says to TEXTS while nothing is wrong."""

    def stub(self, channel: grpc.Channel) -> pb_grpc.TranslationServiceStub:
        return pb_grpc.TranslationServiceStub(channel)

    def gauge(self, name: str) -> float:
        """Summed over what it is told apart by."""
        status, page = page_of(f"{self.metrics}/metrics")
        assert status == 200
        return sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name
        )

    def is_well(self) -> None:
        """It translates as before, all rows are free, and nothing waits."""
        with Client(self.address, timeout_s=10) as client:
            answers = [each.text for each in client.translate(TEXTS)]
        assert answers == self.answers
        deadline = time.monotonic() + 5
        while self.gauge("onnxlate_rows_in_use") or self.gauge(
            "onnxlate_waiting_texts"
        ):
            assert time.monotonic() < deadline, "rows are still taken"
            time.sleep(0.05)


@contextmanager
def running(bundle: Path, *options: str | Path) -> Iterator[Running]:
    listen = ("--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0")
    with server_process(bundle, *listen, "--max-cached", "0", *options) as process:
        address = process.wait_ready()
        found = METRICS.search(process.log)
        assert found
        with Client(address) as client:
            answers = [each.text for each in client.translate(TEXTS)]
        yield Running(process, address, found[1], answers)


@dataclass
class Refusal:
    code: grpc.StatusCode
    details: str
    error: grpc.RpcError


def refused(method: Any, request: Message | bytes) -> Refusal:
    with pytest.raises(grpc.RpcError) as caught:
        method(request, timeout=20)
    return Refusal(caught.value.code(), caught.value.details() or "", caught.value)
