"""Who gets through the gateway: TLS, tokens, other sites; and how its process lives."""

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import trustme

from onnxlate.bundle import Bundle
from onnxlate.errors import ConfigError
from onnxlate_serving.config import ServerConfig, TlsConfig
from onnxlate_serving.gateway.config import GatewayConfig
from onnxlate_serving.gateway.process import STOP
from onnxlate_serving.server import Server
from onnxlate_serving.tokens import hash_of

from .gateways import ANYWHERE, PAGE, Whole, served
from .server_process import server_process
from .web import running

FIELDS = {"q": "one", "source": "en", "target": "xx"}


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    lines = (
        f"{name} {scope} sha256:{hash_of(token).hex()}\n"
        for name, scope, token in (
            ("web", "translate", "good"),
            ("top", "metrics", "other"),
        )
    )
    path.write_text("".join(lines))
    return path


def config(bundle: Bundle, **more: object) -> ServerConfig:
    return ServerConfig.model_validate(
        {"bundles": [bundle.path], "listen": ANYWHERE, "web": ANYWHERE, **more}
    )


def url_of(server: Server) -> str:
    assert server._gateway
    return server._gateway.url


async def test_the_gateway_opens_nothing_that_the_server_keeps_shut(
    bundle: Bundle, tokens: Path
) -> None:
    async with (
        running(config(bundle, tokens=tokens)) as whole,
        httpx.AsyncClient(base_url=url_of(whole.server), timeout=60) as rest,
    ):
        settings = (await rest.get("/frontend/settings")).json()
        assert settings["keyRequired"]
        assert "language" not in settings
        for path in ("/languages", "/v1/models"):
            assert (await rest.get(path)).status_code == 401
        ways: list[tuple[dict[str, str], dict[str, str], int]] = [
            ({}, {}, 401),
            ({"api_key": "bad"}, {}, 401),
            ({"api_key": "two words"}, {}, 401),
            ({"api_key": "other"}, {}, 403),
            ({"api_key": "good"}, {}, 200),
            ({}, {"Authorization": "Bearer good"}, 200),
            ({}, {"Authorization": "bearer good"}, 200),
            ({}, {"Authorization": "Bearer bad"}, 401),
            ({"api_key": "good"}, {"Authorization": "Bearer bad"}, 401),
        ]
        for fields, headers, status in ways:
            for path, asked in (
                ("/translate", {**FIELDS}),
                ("/v1/translate", {"text": "one"}),
                ("/v1/translate/stream", {"text": "one"}),
            ):
                answer = await rest.post(
                    path, json={**asked, **fields}, headers=headers
                )
                assert answer.status_code == status, (path, fields, headers)
                assert "bad" not in answer.text
        # Probes have no token.
        assert (await rest.get("/health")).status_code == 200


async def test_the_way_to_the_server_is_for_its_gateway_alone(
    bundle: Bundle,
) -> None:
    async with running(config(bundle)) as whole:
        assert whole.server._gateway
        path = Path(whole.server._gateway.upstream.removeprefix("unix:"))
        assert path.is_socket()
        assert path.parent.stat().st_mode & 0o077 == 0
    assert not path.parent.exists()


async def test_with_tls_the_page_has_it_too(bundle: Bundle, tmp_path: Path) -> None:
    ca = trustme.CA()
    issued, client = ca.issue_cert("127.0.0.1"), ca.issue_cert("somebody")
    issued.private_key_pem.write_to_path(tmp_path / "key")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "certificate")
    ca.cert_pem.write_to_path(tmp_path / "ca")
    tls = TlsConfig(certificate=tmp_path / "certificate", key=tmp_path / "key")
    trusting = ssl.create_default_context(cafile=tmp_path / "ca")

    async with running(config(bundle, tls=tls)) as whole:
        url = url_of(whole.server)
        assert url.startswith("https://")
        async with httpx.AsyncClient(verify=trusting, timeout=60) as rest:
            answer = await rest.post(f"{url}translate", json=FIELDS)
            assert answer.status_code == 200

    mutual = tls.model_copy(update={"client_ca": tmp_path / "ca"})
    async with running(config(bundle, tls=mutual)) as whole:
        url = url_of(whole.server)
        async with httpx.AsyncClient(verify=trusting, timeout=60) as rest:
            with pytest.raises(httpx.TransportError):
                await rest.get(url)
        with client.private_key_and_cert_chain_pem.tempfile() as pem:
            trusting.load_cert_chain(pem)
        async with httpx.AsyncClient(verify=trusting, timeout=60) as rest:
            assert (await rest.get(url)).status_code == 200


def test_elsewhere_than_on_loopback_it_wants_tls_or_an_intention(
    bundle: Bundle,
) -> None:
    with pytest.raises(ConfigError, match="--insecure"):
        Server(config(bundle, web="0.0.0.0:0"))
    Server(config(bundle, web="0.0.0.0:0", insecure=True))


def test_a_port_in_use_is_a_mistake_at_the_start(bundle: Bundle) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match="in use"):
            Server(config(bundle, web=where))


@pytest.mark.parametrize("origin", ["example.org", "https://a/b", "https://a b", ""])
def test_origins_that_are_none_are_refused(bundle: Bundle, origin: str) -> None:
    with pytest.raises(ValueError, match="is not SCHEME://HOST"):
        config(bundle, web_origins=[origin])
    with pytest.raises(ValueError, match="give --web"):
        config(bundle, web=None, web_origins=["https://example.org"])


async def test_named_sites_may_call_from_a_browser(bundle: Bundle) -> None:
    async with (
        running(config(bundle, web_origins=["https://example.org"])) as whole,
        httpx.AsyncClient(base_url=url_of(whole.server), timeout=60) as rest,
    ):
        allowed = "access-control-allow-origin"
        for origin, may in (("https://example.org", True), ("https://evil.org", False)):
            asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            before = await rest.options("/translate", headers=asked)
            after = await rest.post(
                "/translate", json=FIELDS, headers={"Origin": origin}
            )
            assert (before.headers.get(allowed) == origin) == may
            assert (after.headers.get(allowed) == origin) == may


def test_it_can_stand_in_the_file_and_the_environment(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "serve.toml"
    settings.write_text('web-origins = ["https://example.org"]\n')
    monkeypatch.setenv("ONNXLATE_SERVE_WEB", ANYWHERE)
    listen = ("--listen", ANYWHERE, "--config", settings)
    with server_process(bundle.path, *listen) as process:
        process.wait_ready(60)
        found = PAGE.search(process.log)
        assert found
        answer = httpx.get(
            f"{found[1]}/languages",
            headers={"Origin": "https://example.org"},
            timeout=60,
        )
    assert answer.headers["access-control-allow-origin"] == "https://example.org"


async def test_a_gateway_that_dies_is_followed_by_another(bundle: Bundle) -> None:
    async with running(config(bundle)) as whole:
        gateway = whole.server._gateway
        assert gateway
        first = gateway.pid
        assert first
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(60):
            while gateway.pid in (first, None):
                await asyncio.sleep(0.05)
        async with httpx.AsyncClient(timeout=60) as rest:
            assert (await rest.get(gateway.url)).status_code == 200


def test_signals_to_all_let_calls_finish_and_end_both(bundle: Bundle) -> None:
    with served(bundle.path) as server:
        [child] = _children(server)
        os.kill(child, signal.SIGTERM)  # as systemd does
        os.kill(child, signal.SIGINT)  # as a terminal does
        time.sleep(0.2)
        assert httpx.get(server.url, timeout=60).status_code == 200
        assert server.process.stop() == 0
        assert not Path(f"/proc/{child}").exists()


def test_a_gateway_does_not_outlive_a_server_that_is_killed(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with served(bundle.path) as server:
        [folder] = tmp_path.glob("onnxlate-*")
        [child] = _children(server)
        server.process.send(signal.SIGKILL)
        server.process.wait()
        deadline = time.monotonic() + 20
        while Path(f"/proc/{child}").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not folder.exists()


@pytest.mark.parametrize("last_words", [STOP, b""], ids=["stopped", "left"])
def test_a_gateway_clears_away_what_nobody_told_it_to_leave(
    last_words: bytes, tmp_path: Path
) -> None:
    upstream = tmp_path / "folder" / "server"
    upstream.parent.mkdir()
    upstream.touch()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        told = GatewayConfig(
            upstream=f"unix:{upstream}", socket=listening.fileno(), max_text_bytes=9
        )
        subprocess.run(
            [sys.executable, "-m", "onnxlate_serving.gateway"],
            input=told.model_dump_json().encode() + b"\n" + last_words,
            pass_fds=[listening.fileno()],
            check=True,
            timeout=60,
            capture_output=True,
        )

    assert upstream.exists() == upstream.parent.exists() == (last_words == STOP)


def _children(server: Whole) -> list[int]:
    tasks = Path(f"/proc/{server.process._process.pid}/task")
    return [
        int(each)
        for task in tasks.iterdir()
        for each in (task / "children").read_text().split()
    ]


def test_a_server_without_a_page_loads_none_of_it() -> None:
    code = (
        "import sys, onnxlate_serving.server; "
        "print([n for n in ('starlette', 'uvicorn', 'py3langid') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
