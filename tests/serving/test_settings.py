"""Settings from flags, the environment and a file, and what the log tells."""

import json
import logging
import signal
from pathlib import Path
from typing import Any

import grpc
import pytest

from onnxlate import Client, Credentials
from onnxlate.bundle import Bundle
from onnxlate.errors import Unauthenticated
from onnxlate.v1 import translation_pb2 as pb
from onnxlate_serving.config import ServerConfig
from onnxlate_serving.tokens import hash_of

from .doubles import Allergic
from .server_process import READY_IN_JSON, server_process
from .serving import ANYWHERE, connected, served, served_by

SECRET_TEXT = "seven eleven"


def test_flags_come_before_the_environment_and_that_before_the_file(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"web translate sha256:{hash_of('secret').hex()}")
    settings = tmp_path / "serve.toml"
    settings.write_text(
        f"""
        bundles = ["{bundle.path}"]
        listen = "127.0.0.1:0"
        tokens = "{tokens}"
        log-format = "json"
        log-calls = true
        max-rows = 3
        max-texts = 4
        hang-seconds = 5
        announce-seconds = 0
        """
    )
    monkeypatch.setenv("ONNXLATE_SERVE_MAX_TEXTS", "5")
    monkeypatch.setenv("ONNXLATE_SERVE_HANG_SECONDS", "6")

    with server_process("--config", settings, "--hang-seconds", "7") as server:
        address = server.wait_ready(pattern=READY_IN_JSON)
        with Client(address, credentials=Credentials(token="secret")) as client:
            client.translate([SECRET_TEXT, "one"])
        with Client(address) as client, pytest.raises(Unauthenticated):
            client.translate([SECRET_TEXT])
        server.send(signal.SIGTERM)
        assert server.wait() == 0

    lines = [json.loads(line) for line in server.log.splitlines()]
    [said] = [line["message"] for line in lines if "settings" in line["message"]]
    found = json.loads(said.removeprefix("settings "))
    assert found["scheduler"]["max_rows"] == 3
    assert found["limits"]["max_texts"] == 5
    assert found["hang_seconds"] == 7
    calls = [line["call"] for line in lines if "call" in line]
    assert [each["status"] for each in calls] == ["OK", "UNAUTHENTICATED"]
    assert calls[0]["caller"] == "web"
    assert calls[0]["texts"] == 2
    assert calls[0]["model"] == "handmade@1"
    assert calls[0]["source_tokens"] > 2
    for hidden in (SECRET_TEXT, "seven", '"secret"', hash_of("secret").hex()):
        assert hidden not in server.log


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("max-row = 3", "no setting 'max-row'; did you mean max-rows?"),
        ("nonsense = 3", "no setting 'nonsense'"),
        ("max-rows = [", "is not TOML"),
        ("max-rows = {a = 1}", "max-rows is neither text"),
        ("max-rows = 'many'", "for '--max-rows': Input should be a valid integer"),
        ("max-rows = true", "for '--max-rows': Input should be a valid integer"),
        ("log-format = 'xml'", "'xml' is not one of"),
        ("config = 'other.toml'", "no setting 'config'"),
        ("admin = true", "error: admin needs a folder of models and tokens"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "serve.toml"
    path.write_text(text)
    with server_process("--config", path) as server:
        assert server.wait() == 2
    assert reason in " ".join(server.log.replace("│", " ").split())


@pytest.mark.parametrize("value", ['"https://a.org"', '["https://a.org"]'])
def test_every_option_has_its_flags_name_in_a_file(tmp_path: Path, value: str) -> None:
    path = tmp_path / "serve.toml"
    path.write_text(f"bundles = '{tmp_path / 'none'}'\nweb-origin = {value}")
    with server_process("--config", path, "--web", ANYWHERE) as server:
        assert server.wait() == 2
    # Both are read: one is not there, and of the other nothing is said.
    assert server.log.startswith("error: ")
    assert str(tmp_path / "none") in server.log
    assert "origin" not in server.log


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with server_process("--config", tmp_path / "none.toml") as server:
        assert server.wait() == 2
    assert server.log.startswith("error: cannot read")


async def test_calls_are_logged_under_the_name_that_their_caller_gives(
    bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    config = ServerConfig(bundles=(bundle.path,), listen=ANYWHERE, log_calls=True)
    names = ["order-66/a", "has spaces", "x" * 65, "new"]
    with caplog.at_level(logging.INFO, "onnxlate_serving.call_log"):
        async with served(config) as address, connected(address) as stub:
            for name in names:
                await stub.Translate(
                    pb.TranslateRequest(texts=["one"]),
                    metadata=(("x-request-id", name),),
                )
            pieces = stub.TranslateStream(pb.TranslateStreamRequest(text="two"))
            _ = [piece async for piece in pieces]
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.Translate(pb.TranslateRequest(texts=["a"], model="none"))

    calls = [record.call for record in caplog.records if hasattr(record, "call")]
    ids = [each["request_id"] for each in calls]
    assert ids[0] == names[0]
    assert ids[3] == names[3]
    assert not set(ids) & set(names[1:3])
    assert [each["status"] for each in calls] == ["OK"] * 5 + ["NOT_FOUND"]
    assert [each["texts"] for each in calls] == [1] * 5 + [0]
    assert all(each["caller"] == "ipv4:127.0.0.1" for each in calls)
    assert "call request_id=order-66/a method=/onnxlate.v1" in caplog.text


async def test_a_failure_has_the_callers_own_number_in_the_log_and_the_answer(
    bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        served_by(AllergicToAll(), bundle) as address,
        connected(address) as stub,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Translate(
                pb.TranslateRequest(texts=["one"]),
                metadata=(("x-request-id", "order-66"),),
            )
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert caught.value.details() == "internal error; request id order-66"
    [record] = [each for each in caplog.records if hasattr(each, "request_id")]
    assert record.request_id == "order-66"


class AllergicToAll(Allergic):
    def run(self, step: Any) -> Any:
        raise RuntimeError("no")
