"""A server with certificates: who can talk to it, and what happens as they change."""

import asyncio
import os
import ssl
import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from onnxlate import AsyncClient, Client, Credentials
from onnxlate.bundle import Bundle
from onnxlate.errors import ConfigError, Unavailable
from onnxlate_serving.cli import serve
from onnxlate_serving.config import ServerConfig, TlsConfig
from onnxlate_serving.gateway import web_server
from onnxlate_serving.server import Server
from onnxlate_serving.tls import Tls
from onnxlate_serving.tokens import hash_of

from .serving import ANYWHERE
from .web import Running, fetch, running


@dataclass(frozen=True)
class Authority:
    """One that signs, and where things lie."""

    ca: trustme.CA
    folder: Path

    @property
    def trusted(self) -> Path:
        path = self.folder / "ca.pem"
        self.ca.cert_pem.write_to_path(path)
        return path

    def issue(self, name: str, host: str = "127.0.0.1") -> tuple[Path, Path]:
        """A certificate and its key."""
        issued = self.ca.issue_cert(host)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(b"".join(c.bytes() for c in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        return certificate, key


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(trustme.CA(), tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(trustme.CA(), tmp_path_factory.mktemp("another"))


def served(
    bundle: Bundle, files: tuple[Path, Path], client_ca: Path | None = None
) -> AbstractAsyncContextManager[Running]:
    tls = TlsConfig(certificate=files[0], key=files[1], client_ca=client_ca)
    return running(
        ServerConfig(bundles=(bundle.path,), listen=ANYWHERE, metrics=ANYWHERE, tls=tls)
    )


async def speaks(address: str, credentials: Credentials, strange: bool = False) -> bool:
    """Whether it can be talked to; where it should be, that may take a while."""
    async with AsyncClient(address, credentials=credentials) as client:
        try:
            await client.wait_until_ready(2 if strange else 20)
            return len(await client.translate(["one"])) == 1
        except Unavailable:
            return False


async def test_who_trusts_the_authority_can_talk_and_nobody_else(
    bundle: Bundle, ours: Authority, another: Authority
) -> None:
    async with served(bundle, ours.issue("server")) as server:
        assert await speaks(server.address, Credentials(ca=ours.trusted))
        assert not await speaks(
            server.address, Credentials(ca=another.trusted), strange=True
        )


async def test_a_certificate_of_another_host_is_not_trusted(
    bundle: Bundle, ours: Authority
) -> None:
    async with served(bundle, ours.issue("elsewhere", "example.org")) as server:
        assert not await speaks(
            server.address, Credentials(ca=ours.trusted), strange=True
        )


async def test_mutual_tls_wants_a_certificate_of_the_right_authority(
    bundle: Bundle, ours: Authority, another: Authority
) -> None:
    certificate, key = ours.issue("client")
    foreign, foreign_key = another.issue("client")
    ca = ours.trusted
    async with served(bundle, ours.issue("server"), ca) as server:
        assert await speaks(
            server.address, Credentials(ca=ca, certificate=certificate, key=key)
        )
        assert not await speaks(server.address, Credentials(ca=ca), strange=True)
        assert not await speaks(
            server.address,
            Credentials(ca=ca, certificate=foreign, key=foreign_key),
            strange=True,
        )


async def test_new_connections_get_the_new_certificate_and_old_ones_live_on(
    bundle: Bundle, ours: Authority, another: Authority
) -> None:
    certificate, key = ours.issue("renewed")
    old, new = Credentials(ca=ours.trusted), Credentials(ca=another.trusted)
    async with (
        served(bundle, (certificate, key)) as server,
        AsyncClient(server.address, credentials=old) as connected,
    ):
        await connected.translate(["one"])
        for place, content in zip(
            (certificate, key), another.issue("server"), strict=True
        ):
            place.write_bytes(content.read_bytes())
            os.utime(place, (2e9, 2e9))
            # In between they do not fit together, and the old ones count.
            if place == certificate:
                assert await speaks(server.address, old)

        assert await speaks(server.address, new)
        assert not await speaks(server.address, old, strange=True)
        assert len(await connected.translate(["two"])) == 1

        certificate.write_text("no longer one")
        assert await speaks(server.address, new)


async def test_metrics_are_encrypted_too(bundle: Bundle, ours: Authority) -> None:
    trust = ssl.create_default_context(cafile=ours.trusted)
    async with served(bundle, ours.issue("server")) as server:
        assert (await fetch(server.server, "/readyz", tls=trust))[0] == 200
        status, text = await fetch(server.server, "/metrics", tls=trust)
    assert status == 200
    assert "onnxlate_calls" in text


async def test_the_health_check_and_the_waiting_client_speak_it(
    bundle: Bundle, ours: Authority
) -> None:
    async with served(bundle, ours.issue("server")) as server:

        def ask(**environment: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "onnxlate.health", server.address],
                env={**os.environ, **environment},
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )

        told = await asyncio.to_thread(ask, ONNXLATE_CA=str(ours.trusted))
        untold = await asyncio.to_thread(ask)

        def wait() -> None:
            credentials = Credentials(ca=ours.trusted)
            with Client(server.address, credentials=credentials) as client:
                client.wait_until_ready(5)

        await asyncio.to_thread(wait)
    assert (told.returncode, told.stdout) == (0, "SERVING\n"), told.stderr
    assert untold.returncode == 1
    assert "not available" in untold.stderr


async def test_the_web_page_gets_what_has_changed_while_it_was_read_the_next_time(
    ours: Authority,
    another: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web_server, "RENEW_S", 0.01)
    certificate, key = ours.issue("web")
    tls = Tls(TlsConfig(certificate=certificate, key=key))
    in_use = tls.context()
    # As if they were gone again when they are to be loaded.
    gone = TlsConfig(certificate=tmp_path / "certificate", key=tmp_path / "key")
    renewing = asyncio.create_task(web_server._renew(tls, gone, in_use))
    newer, newer_key = another.issue("web")
    newer_key.replace(key)
    certificate.write_bytes(newer.read_bytes())
    await asyncio.sleep(0.1)

    gone.key.write_bytes(key.read_bytes())
    gone.certificate.write_bytes(newer.read_bytes())

    trusting = ssl.create_default_context()
    another.ca.configure_trust(trusting)
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=in_use
    )
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(10), server:
        while True:
            try:
                there = ("127.0.0.1", port)
                _, writer = await asyncio.open_connection(*there, ssl=trusting)
            except ssl.SSLError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                await writer.wait_closed()
                break
    renewing.cancel()


def test_files_that_are_no_certificate_or_do_not_fit_are_refused_at_the_start(
    ours: Authority, tmp_path: Path
) -> None:
    certificate, key = ours.issue("one")
    _, other_key = ours.issue("two")
    nothing = tmp_path / "nothing"
    junk = tmp_path / "junk"
    junk.write_text("junk")
    for files, reason in (
        ((certificate, other_key, None), "not a PEM certificate and its"),
        ((junk, key, None), "not a PEM certificate and its"),
        ((certificate, nothing, None), "no file .*nothing"),
        ((certificate, key, junk), "junk has no PEM certificate"),
    ):
        config = TlsConfig(certificate=files[0], key=files[1], client_ca=files[2])
        with pytest.raises(ConfigError, match=reason):
            Tls(config)


@pytest.mark.parametrize("option", ["listen", "metrics"])
def test_no_port_is_open_to_the_network_unencrypted_unless_that_is_meant(
    bundle: Bundle, ours: Authority, option: str
) -> None:
    places = {"listen": ANYWHERE, option: "0.0.0.0:0"}
    config = ServerConfig.model_validate({"bundles": (bundle.path,), **places})
    with pytest.raises(ConfigError, match=r"open to the network.*--insecure"):
        Server(config)

    certificate, key = ours.issue("server")
    tls = TlsConfig(certificate=certificate, key=key)
    for allowed in ({"insecure": True, "metrics": None}, {"tls": tls, "metrics": None}):
        Server(config.model_copy(update={"listen": "0.0.0.0:0", **allowed}))


async def test_the_command_line_takes_a_certificate_and_a_token(
    bundle: Bundle, ours: Authority, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "tokens").write_text(f"web translate sha256:{hash_of('secret').hex()}")
    certificate, key = ours.issue("server")
    config = ServerConfig(
        bundles=(bundle.path,),
        listen=ANYWHERE,
        tls=TlsConfig(certificate=certificate, key=key),
        tokens=tmp_path / "tokens",
    )
    async with running(config) as server:

        def translate(*options: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "onnxlate", "translate", "one"]
            return subprocess.run(
                [*command, "--server", server.address, "--ca", ours.trusted, *options],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )

        told = await asyncio.to_thread(
            translate, "--token-file", str(tmp_path / "token")
        )
        untold = await asyncio.to_thread(translate)
    assert told.returncode == 0, told.stderr
    assert (untold.returncode, untold.stdout) == (2, "")
    assert untold.stderr.startswith("error: this server wants a token")


def test_half_of_a_certificate_is_refused_at_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs both"):
        serve(tls_key=tmp_path)
    with pytest.raises(ConfigError, match="needs both"):
        serve(tls_client_ca=tmp_path)
