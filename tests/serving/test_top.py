"""`onnxlate top` on a server that works."""

import asyncio
import json
from pathlib import Path

import pytest
import trustme

from onnxlate import AsyncClient
from onnxlate.bundle import Bundle
from onnxlate.cli.top import top
from onnxlate.errors import ConfigError, Unavailable
from onnxlate_serving.config import ServerConfig, TlsConfig
from onnxlate_serving.tokens import hash_of

from .serving import ANYWHERE
from .web import Running, running


@pytest.fixture
def config(bundle: Bundle) -> ServerConfig:
    return ServerConfig(
        bundles=(bundle.path,), listen=ANYWHERE, metrics=ANYWHERE, max_cached=0
    )


def place(server: Running) -> str:
    assert server.server._web
    return str(server.server._web.address)


async def test_it_tells_what_a_server_did_meanwhile(
    config: ServerConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(config) as server, AsyncClient(server.address) as client:
        watching = asyncio.create_task(
            asyncio.to_thread(top, place(server), interval_s=3, looks=1, as_json=True)
        )
        await asyncio.sleep(1)
        for _ in range(20):
            await client.translate(["one two", "three"])
        await watching

    seen = json.loads(capsys.readouterr().out)
    seconds = seen["seconds"]
    assert seen["calls_a_second"]["OK"] * seconds == pytest.approx(20, abs=0.5)
    model = seen["models"]["handmade@1"]
    assert model["texts_a_second"] * seconds == pytest.approx(40, abs=0.5)
    assert 1 <= model["rows_a_step"] <= 2
    assert model["rows_in_use"] == model["waiting_texts"] == 0
    times = seen["latency_s"]
    assert 0 < times["p50"] <= times["p95"] <= times["p99"] < seconds


async def test_it_draws_for_people(
    config: ServerConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(config) as server:
        await asyncio.to_thread(top, place(server), interval_s=0.1, looks=2)

    out = capsys.readouterr().out
    assert "handmade@1" in out
    assert "no call ended" in out


async def test_it_shows_its_token_to_a_server_with_tls(
    config: ServerConfig,
    bundle: Bundle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ca = trustme.CA()
    issued = ca.issue_cert("127.0.0.1")
    paths = {name: tmp_path / name for name in ("ca", "cert", "key", "tokens", "token")}
    ca.cert_pem.write_to_path(paths["ca"])
    issued.cert_chain_pems[0].write_to_path(paths["cert"])
    issued.private_key_pem.write_to_path(paths["key"])
    paths["tokens"].write_text(f"ops metrics sha256:{hash_of('secret').hex()}")
    paths["token"].write_text("secret")
    tls = TlsConfig(certificate=paths["cert"], key=paths["key"])
    closed = config.model_copy(update={"tls": tls, "tokens": paths["tokens"]})

    async with running(closed) as server:

        def watch(**credentials: Path) -> None:
            top(place(server), interval_s=0.1, looks=1, as_json=True, **credentials)

        await asyncio.to_thread(watch, ca=paths["ca"], token_file=paths["token"])
        with pytest.raises(ConfigError, match="answers 401"):
            await asyncio.to_thread(watch, ca=paths["ca"])
        with pytest.raises(Unavailable):
            await asyncio.to_thread(watch)
    assert "handmade@1" in capsys.readouterr().out


def test_it_says_where_nobody_shows_metrics() -> None:
    with pytest.raises(Unavailable, match=r"--metrics 127\.0\.0\.1:1"):
        top("127.0.0.1:1", looks=1)
    with pytest.raises(ConfigError, match="leave out the scheme"):
        top("http://127.0.0.1:1", looks=1)


def test_its_token_stays_here(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    with pytest.raises(ConfigError, match="for everyone to read"):
        top("example.org:9090", looks=1, token_file=tmp_path / "token")


async def test_what_answers_without_metrics_is_no_server_of_ours(
    config: ServerConfig,
) -> None:
    async with running(config) as server:
        with pytest.raises(Unavailable, match="nobody shows metrics"):
            await asyncio.to_thread(top, server.address, looks=1)
