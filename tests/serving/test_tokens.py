"""Who gets in, where a server has tokens."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from onnxlate import AsyncClient, Credentials
from onnxlate.bundle import Bundle
from onnxlate.errors import ConfigError, PermissionDenied, Unauthenticated
from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc
from onnxlate_serving.cli import token
from onnxlate_serving.config import ServerConfig
from onnxlate_serving.tokens import Scope, Tokens, hash_of, parse

from .serving import ANYWHERE
from .web import Running, counted, fetch, running

SECRETS = {
    "web": "a-token-for-translating",
    "prometheus": "a-token-for-metrics",
    "root": "a-token-for-everything",
}
SCOPES = {
    "web": "translate",
    "prometheus": "metrics",
    "root": "translate,metrics,admin",
}


def line(name: str, secret: str, scopes: str) -> str:
    return f"{name} {scopes} sha256:{hash_of(secret).hex()}\n"


def written(path: Path, **secrets: str) -> Path:
    lines = (line(name, secret, SCOPES[name]) for name, secret in secrets.items())
    path.write_text("# who  what  hash\n\n" + "".join(lines))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "tokens", **SECRETS)


@pytest.fixture
async def server(bundle: Bundle, file: Path) -> AsyncIterator[Running]:
    config = ServerConfig(
        bundles=(bundle.path,),
        listen=ANYWHERE,
        metrics=ANYWHERE,
        tokens=file,
        reflection=True,
    )
    async with running(config) as server:
        yield server


def bearer(secret: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {secret}"),)


@contextmanager
def refused_with(code: grpc.StatusCode) -> Iterator[None]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        yield
    assert caught.value.code() is code
    details = caught.value.details() or ""
    assert not any(secret in details for secret in SECRETS.values())


STRANGERS: list[Any] = [
    (),
    bearer("a-token-for-translatinG"),
    bearer(""),
    bearer(hash_of(SECRETS["web"]).hex()),
    (("authorization", SECRETS["web"]),),
    (("authorization", f"Basic {SECRETS['web']}"),),
    (*bearer("nonsense"), *bearer(SECRETS["web"])),
    (("authorization-bin", b"\x00\xff"),),
]


@pytest.mark.parametrize("metadata", STRANGERS)
async def test_strangers_are_turned_away_from_everything(
    server: Running, metadata: Any
) -> None:
    request = pb.TranslateRequest(texts=["one"])
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub = pb_grpc.TranslationServiceStub(channel)
        with refused_with(grpc.StatusCode.UNAUTHENTICATED):
            await stub.Translate(request, metadata=metadata)
        with refused_with(grpc.StatusCode.UNAUTHENTICATED):
            await stub.ListModels(pb.ListModelsRequest(), metadata=metadata)
        with refused_with(grpc.StatusCode.UNAUTHENTICATED):
            stream = stub.TranslateStream(
                pb.TranslateStreamRequest(text="one"), metadata=metadata
            )
            _ = [piece async for piece in stream]
        with refused_with(grpc.StatusCode.UNAUTHENTICATED):
            await reflected(channel, metadata)
        # What they send is not even looked at, and methods there are not look alike.
        for method in ("/onnxlate.v1.TranslationService/Translate", "/a/b", "/"):
            with refused_with(grpc.StatusCode.UNAUTHENTICATED):
                await channel.unary_unary(method, None, None)(
                    b"\xff\xff", metadata=metadata
                )


async def reflected(channel: grpc.aio.Channel, metadata: Any) -> int:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    requests = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    call = stub.ServerReflectionInfo(requests, metadata=metadata)
    return len([answer async for answer in call])


async def test_a_token_opens_what_it_is_for_and_nothing_else(server: Running) -> None:
    request = pb.TranslateRequest(texts=["one"])
    web, prometheus, root = (bearer(secret) for secret in SECRETS.values())
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub = pb_grpc.TranslationServiceStub(channel)
        for metadata in (web, root):
            answer = await stub.Translate(request, metadata=metadata)
            assert len(answer.results) == 1
        with refused_with(grpc.StatusCode.PERMISSION_DENIED):
            await stub.Translate(request, metadata=prometheus)
        for metadata in (web, prometheus):
            with refused_with(grpc.StatusCode.PERMISSION_DENIED):
                await reflected(channel, metadata)
        assert await reflected(channel, root) == 1
        with refused_with(grpc.StatusCode.UNIMPLEMENTED):
            await channel.unary_unary("/a/b", None, None)(b"", metadata=root)
        # "bearer" is one word in any case, RFC 7235.
        small = (("authorization", f"bearer {SECRETS['web']}"),)
        await stub.Translate(request, metadata=small)


async def test_health_is_open_to_everyone(server: Running) -> None:
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert (await fetch(server.server, "/healthz"))[0] == 200
    assert (await fetch(server.server, "/readyz"))[0] == 200


async def test_metrics_are_for_those_who_may_see_them(server: Running) -> None:
    assert (await fetch(server.server, "/metrics"))[0] == 401
    assert (await fetch(server.server, "/metrics", "Bearer nonsense"))[0] == 401
    assert (await fetch(server.server, "/metrics", f"Bearer {SECRETS['web']}"))[
        0
    ] == 403
    status, text = await fetch(
        server.server, "/metrics", f"Bearer {SECRETS['prometheus']}"
    )
    assert status == 200
    assert "onnxlate_model_info" in text


async def test_refusals_are_counted_without_the_names_that_strangers_choose(
    server: Running,
) -> None:
    async with grpc.aio.insecure_channel(server.address) as channel:
        for method in ("/a/b", "/c/d"):
            with refused_with(grpc.StatusCode.UNAUTHENTICATED):
                await channel.unary_unary(method, None, None)(b"")
    line = 'onnxlate_calls_total{method="(not admitted)",status="UNAUTHENTICATED"} 2.0'
    await counted(server.server, line, f"Bearer {SECRETS['root']}")


async def test_our_client_sends_its_token(server: Running) -> None:
    async with AsyncClient(
        server.address, credentials=Credentials(token=SECRETS["web"])
    ) as client:
        assert len(await client.translate(["one", "two"])) == 2
        assert await client.models()
        async for _ in client.stream("one"):
            pass
    for secret, error in ((None, Unauthenticated), ("prometheus", PermissionDenied)):
        credentials = Credentials(token=secret and SECRETS[secret])
        async with AsyncClient(server.address, credentials=credentials) as client:
            with pytest.raises(error):
                await client.translate(["one"])


def test_a_changed_file_counts_at_once_and_a_broken_one_not(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = Tokens(file)

    def admits(secret: str) -> bool:
        try:
            tokens.holder(f"Bearer {secret}", Scope.TRANSLATE)
        except Unauthenticated:
            return False
        return True

    assert admits(SECRETS["web"])
    written(file, web="another")
    later(file)
    assert admits("another")
    assert not admits(SECRETS["web"])

    file.write_text("half a li")
    later(file, 2)
    assert admits("another")
    assert "stay as they were" in caplog.text
    assert "half" not in caplog.text  # it may be a token, put where none belongs
    file.unlink()
    assert admits("another")


def later(path: Path, seconds: int = 1) -> None:
    """As if written later: two writes may well get one time."""
    now = path.stat().st_mtime
    os.utime(path, (now + seconds, now + seconds))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no token in it"),
        ("# nobody", "no token in it"),
        ("web translate", "line 1 is not NAME"),
        ("web translate secret-token", "line 1 is not NAME"),
        (
            f"\n{line('web', 'x', 'translate,everything')}",
            "line 2 has an unknown scope",
        ),
        (f"web translate sha256:{'0' * 63}", "line 1 is not NAME"),
    ],
)
def test_a_file_that_lets_nobody_in_or_is_none_is_refused(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "tokens"
    path.write_text(text)
    with pytest.raises(ConfigError, match=reason) as caught:
        Tokens(path)
    assert "secret-token" not in str(caught.value)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Tokens(tmp_path / "none")
    (tmp_path / "large").write_bytes(b"#" * (2 << 20))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        Tokens(tmp_path / "large")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be used"):
        Tokens(tmp_path / "bytes")


def test_a_made_line_lets_its_token_in(capsys: pytest.CaptureFixture[str]) -> None:
    token("web", [Scope.TRANSLATE, Scope.METRICS])

    out, err = capsys.readouterr()
    [holder] = parse(out)
    assert holder.name == "web"
    assert holder.scopes == {Scope.TRANSLATE, Scope.METRICS}
    secret = err.split()[-1]
    assert hash_of(secret) == holder.hash
    assert secret not in out
    assert len(secret) >= 43  # 256 bits in base64
    with pytest.raises(ConfigError, match="not one word"):
        token("two words", None)


def test_a_file_that_could_not_be_read_is_tried_again(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = Tokens(file)
    written(file, web="another")
    os.utime(file, (2e9, 2e9))

    def refuse(path: Path, *arguments: Any) -> None:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        tokens.holder(f"Bearer {SECRETS['web']}", Scope.TRANSLATE)
    file.chmod(0o640)  # only the time of that changes, not of the content

    assert tokens.holder("Bearer another", Scope.TRANSLATE).name == "web"
