"""The lines about TLS in docs/kubernetes.md, put where it says."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from benchmarks.rolling import envoy
from benchmarks.rolling.names import Names
from onnxlate import Client, Credentials
from onnxlate.bundle import Bundle
from onnxlate.errors import ConfigError, Unauthenticated
from onnxlate_serving.tokens import hash_of
from tests.serving.server_process import server_process

from .waiting import wait_for

DOCS = Path(__file__).parents[2] / "docs" / "kubernetes.md"
SERVERS = "onnxlate.onnxlate.svc.cluster.local"
ENVOYS = "translate.example.org"
HOST = "127.0.0.1"


def lines_about(context: str) -> dict[str, Any]:
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    [block] = [each for each in blocks if context in each]
    found: dict[str, Any] = yaml.safe_load(block)
    return found


def replaced(value: Any, change: Callable[[str], str]) -> Any:
    """With every text in it changed."""
    match value:
        case dict():
            return {key: replaced(each, change) for key, each in value.items()}
        case list():
            return [replaced(each, change) for each in value]
        case str():
            return change(value)
    return value


def issue(authority: trustme.CA, name: str, folder: Path) -> Path:
    """A folder with what a Secret of a certificate has."""
    folder.mkdir()
    certificate = authority.issue_cert(name)
    chain = b"".join(each.bytes() for each in certificate.cert_chain_pems)
    (folder / "tls.crt").write_bytes(chain)
    certificate.private_key_pem.write_to_path(folder / "tls.key")
    return folder


def test_callers_envoy_and_servers_speak_tls(bundle: Bundle, tmp_path: Path) -> None:
    try:
        envoy.binary()
    except ConfigError as error:
        pytest.skip(str(error))
    authority = trustme.CA()
    trusted = tmp_path / "ca.crt"
    authority.cert_pem.write_to_path(trusted)
    server_files = issue(authority, SERVERS, tmp_path / "server")
    envoy_files = issue(authority, ENVOYS, tmp_path / "envoy")
    tokens = tmp_path / "tokens"
    tokens.write_text(f"us translate sha256:{hash_of('word').hex()}\n")

    def lies_here(text: str) -> str:
        text = text.replace("/secrets/tls/", f"{envoy_files}/")
        return text.replace("/secrets/ca/", f"{tmp_path}/")

    arguments = {
        **{"--listen": f"{HOST}:0", "--tokens": str(tokens)},
        "--tls-certificate": str(server_files / "tls.crt"),
        "--tls-key": str(server_files / "tls.key"),
    }
    flat = [word for each in arguments.items() for word in each]
    with server_process(bundle.path, *flat) as server, Names() as names:
        names.add(HOST)
        its = envoy.local(int(server.wait_ready().rpartition(":")[2]), names.port)
        resources = its.config["static_resources"]
        [chain] = resources["listeners"][0]["filter_chains"]
        chain |= replaced(lines_about("DownstreamTlsContext"), lies_here)
        resources["clusters"][0] |= replaced(
            lines_about("UpstreamTlsContext"), lies_here
        )
        with envoy.running(its) as proxy:
            wait_for(lambda: proxy.healthy_servers() == 1)
            known = Credentials(ca=trusted, server_name=ENVOYS, token="word")
            with Client(proxy.address, credentials=known) as client:
                assert len(client.translate(["one"])) == 1
            unknown = dataclasses.replace(known, token=None)
            with (
                Client(proxy.address, credentials=unknown) as stranger,
                pytest.raises(Unauthenticated),
            ):
                stranger.translate(["one"])
