"""Models and versions that come and go while others are asked."""

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from onnxlate import AsyncClient, Credentials
from onnxlate.errors import (
    BundleError,
    Busy,
    ConfigError,
    InvalidRequest,
    ModelNotFound,
    PermissionDenied,
    ServerFailure,
)
from onnxlate_serving.config import ServerConfig
from onnxlate_serving.server import Server
from onnxlate_serving.tokens import hash_of

from .doubles import Gated
from .handmade import rewrite, write_bundle
from .serving import ANYWHERE
from .web import Running, fetch, running

TEXTS = [f"{one} {other}" for one in ("one", "two", "six") for other in ("ten", "four")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of models, with version 1.9 of one."""
    write_bundle(tmp_path / "models" / "old", version="1.9")
    return tmp_path / "models"


def tokens(path: Path) -> Path:
    scopes = {"ann": "translate,admin,metrics", "bob": "translate"}
    path.write_text(
        "".join(
            f"{name} {theirs} sha256:{hash_of(name).hex()}\n"
            for name, theirs in scopes.items()
        )
    )
    return path


@pytest.fixture
def config(folder: Path) -> ServerConfig:
    return ServerConfig(
        listen=ANYWHERE,
        metrics=ANYWHERE,
        models=folder,
        admin=True,
        tokens=tokens(folder.parent / "tokens"),
        drain_seconds=5,
    )


@pytest.fixture
async def server(config: ServerConfig) -> AsyncIterator[Running]:
    async with running(config) as server:
        yield server


@pytest.fixture
async def ann(server: Running) -> AsyncIterator[AsyncClient]:
    """Who may change models."""
    async with client(server, "ann") as client_of_ann:
        yield client_of_ann


def client(server: Running, name: str) -> AsyncClient:
    return AsyncClient(server.address, credentials=Credentials(token=name))


async def said(client: AsyncClient, model: str | None = None) -> list[str]:
    return [each.text for each in await client.translate(TEXTS, model=model)]


async def names(client: AsyncClient) -> list[str]:
    """Full names, with a star where the bare name means it."""
    models = await client.models()
    return [each.full_name + "*" * each.is_current for each in models]


async def test_a_new_version_is_loaded_promoted_and_gone_back_from(
    ann: AsyncClient, folder: Path
) -> None:
    old = await said(ann)
    write_bundle(folder / "new", version="1.10", seed=1)

    loaded = await ann.load_model("new", promote=False)
    assert (loaded.full_name, loaded.is_current) == ("handmade@1.10", False)
    assert await said(ann) == await said(ann, "handmade") == old
    new = await said(ann, "handmade@1.10")
    assert new != old

    await ann.promote_model("handmade@1.10")
    assert await said(ann) == await said(ann, "handmade") == new
    assert await said(ann, "handmade@1.9") == old
    assert await names(ann) == ["handmade@1.9", "handmade@1.10*"]

    await ann.promote_model("handmade@1.9")
    assert await said(ann) == old

    await ann.unload_model("handmade@1.10")
    assert await names(ann) == ["handmade@1.9*"]
    with pytest.raises(ModelNotFound, match=r"served: handmade, handmade@1\.9"):
        await said(ann, "handmade@1.10")


async def test_answers_tell_their_version(ann: AsyncClient) -> None:
    [translation] = await ann.translate(["one"])
    stream = ann.stream("two")
    async for _ in stream:
        pass

    assert (translation.model, translation.version) == ("handmade", "1.9")
    assert (stream.result.model, stream.result.version) == ("handmade", "1.9")


async def test_while_it_is_swapped_every_call_is_one_versions_or_the_others(
    server: Running, ann: AsyncClient, folder: Path
) -> None:
    write_bundle(folder / "new", version="1.10", seed=1)
    old, swapping = await said(ann), True
    seen = []

    async def ask() -> None:
        async with client(server, "bob") as bob:
            while swapping:
                seen.append(await bob.translate(TEXTS, beam_size=2))

    askers = [asyncio.create_task(ask()) for _ in range(4)]
    for _ in range(5):
        await ann.load_model("new")
        new = await said(ann)
        await ann.promote_model("handmade@1.9")
        await ann.unload_model("handmade@1.10")
    swapping = False
    await asyncio.gather(*askers)

    texts = {"1.9": set[tuple[str, ...]](), "1.10": set[tuple[str, ...]]()}
    for answer in seen:
        [version] = {each.version for each in answer}
        texts[version].add(tuple(each.text for each in answer))
    assert {len(each) for each in texts.values()} == {1}
    assert new != old


async def test_bundles_that_cannot_be_served_change_nothing(
    ann: AsyncClient, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = await said(ann)
    write_bundle(folder / "damaged", version="2")
    decoder = folder / "damaged" / "decoder.onnx"
    decoder.write_bytes(decoder.read_bytes()[:-1])
    (folder / "empty").mkdir()
    write_bundle(folder / "strange", version="3")
    rewrite(folder / "strange", '"target_vocabulary": 288', '"target_vocabulary": 287')
    write_bundle(folder / "same", version="1.9", seed=1)

    for name, reason in (
        ("damaged", "decoder.onnx is damaged"),
        ("empty", "no readable manifest"),
        ("strange", "tokenizer has 288 tokens and the model 287"),
        ("none", "not a directory"),
        ("same", "is served already and is another bundle"),
    ):
        with pytest.raises(BundleError, match=reason):
            await ann.load_model(name)
    strange = ("", ".", "..", "../models/old", "/etc", "old/../old", ".hidden")
    for name in (*strange, "x" * 300):
        with pytest.raises(InvalidRequest, match="name of a folder"):
            await ann.load_model(name)

    assert await names(ann) == ["handmade@1.9*"]
    assert await said(ann) == old
    # Twice the same is the same.
    assert (await ann.load_model("old")).full_name == "handmade@1.9"


async def test_a_model_that_fails_its_first_translation_is_not_served(
    server: Running,
    ann: AsyncClient,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_bundle(folder / "new", version="1.10", seed=1)

    def run(*arguments: object) -> None:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr("onnxlate_serving.runner.OnnxRunner.run", run)
        with pytest.raises(BundleError, match="does not survive a first translation"):
            await ann.load_model("new")

    assert await names(ann) == ["handmade@1.9*"]
    assert len(await said(ann)) == len(TEXTS)
    assert (await fetch(server.server, "/healthz"))[0] == 200


async def test_a_model_that_hangs_in_its_first_translation_is_given_up(
    config: ServerConfig, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = config.model_copy(update={"hang_seconds": 0.5})
    over = threading.Event()
    async with running(hasty) as server, client(server, "ann") as ann:
        write_bundle(folder / "new", version="1.10", seed=1)
        with monkeypatch.context() as patch:
            patch.setattr(
                "onnxlate_serving.runner.OnnxRunner.run", lambda *_: over.wait(20)
            )
            with pytest.raises(BundleError, match=r"first translation in 0\.5 s"):
                await ann.load_model("new")
        over.set()
        assert await names(ann) == ["handmade@1.9*"]
        await ann.promote_model("handmade@1.9")  # nothing is in the way


async def test_who_has_begun_with_a_version_ends_with_it(
    server: Running, ann: AsyncClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle(folder / "new", version="1.10", seed=1)
    await ann.load_model("new")
    old = server.server._models.find("handmade@1.9")
    gated = Gated()
    for engine in old.engines:
        monkeypatch.setattr(engine, "_runner", gated)
    asked = asyncio.create_task(ann.translate(["one"], model="handmade@1.9"))
    while not old.calls.count:
        await asyncio.sleep(0.01)

    unloading = asyncio.create_task(ann.unload_model("handmade@1.9"))
    while len(await names(ann)) > 1:
        await asyncio.sleep(0.01)
    with pytest.raises(Busy, match="another change is under way"):
        await ann.promote_model("handmade@1.10")
    assert not unloading.done()
    gated.go(1000)

    [translation] = await asked
    assert translation.version == "1.9"
    await unloading
    assert not any(engine._thread.is_alive() for engine in old.engines)
    with pytest.raises(ModelNotFound):
        await said(ann, "handmade@1.9")


async def test_who_takes_too_long_is_cut_when_a_version_goes(
    config: ServerConfig, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle(folder / "new", version="1.10", seed=1)
    short = config.model_copy(update={"drain_seconds": 0.1})
    async with running(short) as server, client(server, "ann") as ann:
        old = server.server._models.find("handmade@1.9")
        gated = Gated()
        for engine in old.engines:
            monkeypatch.setattr(engine, "_runner", gated)
        asked = asyncio.create_task(ann.translate(["one"], model="handmade@1.9"))
        while not old.calls.count:
            await asyncio.sleep(0.01)
        unloading = asyncio.create_task(ann.unload_model("handmade@1.9"))
        await asyncio.sleep(0.3)
        gated.go(1)
        await unloading
        # It was UNAVAILABLE, so the client has asked again, in vain.
        with pytest.raises(ModelNotFound):
            await asked
        assert old.engines[0].load == 0


async def test_what_is_meant_by_a_name_cannot_be_taken_away(
    ann: AsyncClient, folder: Path
) -> None:
    with pytest.raises(BundleError, match="what is served by default"):
        await ann.unload_model("handmade@1.9")
    write_bundle(folder / "new", version="1.10", seed=1)
    await ann.load_model("new")
    with pytest.raises(BundleError, match="promote another first"):
        await ann.unload_model("handmade@1.10")
    with pytest.raises(InvalidRequest, match="NAME@VERSION is wanted"):
        await ann.unload_model("handmade")
    with pytest.raises(ModelNotFound):
        await ann.promote_model("handmade@3")

    write_bundle(folder / "other", name="other", seed=2)
    assert not (await ann.load_model("other")).is_default
    await ann.unload_model("other@1")
    with pytest.raises(ModelNotFound):
        await said(ann, "other")


async def test_only_administrators_change_models(server: Running) -> None:
    async with client(server, "bob") as bob:
        assert await said(bob)
        for change in (
            bob.load_model("new"),
            bob.promote_model("handmade@1.9"),
            bob.unload_model("handmade@1.9"),
        ):
            with pytest.raises(PermissionDenied):
                await change


async def test_without_the_flag_there_is_no_such_service(config: ServerConfig) -> None:
    off = config.model_copy(update={"admin": False})
    async with running(off) as server, client(server, "ann") as ann:
        with pytest.raises(ServerFailure, match="Method not found"):
            await ann.load_model("new")


async def test_a_folder_of_versions_is_served_with_the_highest_first_in_mind(
    config: ServerConfig, folder: Path
) -> None:
    for seed, version in enumerate(("1.10", "1.2", "1.10-rc1")):
        write_bundle(folder / version, version=version, seed=seed + 1)
    (folder / ".coming").mkdir()
    (folder / "notes.txt").write_text("no bundle")

    async with running(config) as server, client(server, "ann") as ann:
        found = await names(ann)

    assert sorted(found) == [
        "handmade@1.10*",
        "handmade@1.10-rc1",
        "handmade@1.2",
        "handmade@1.9",
    ]


async def test_metrics_tell_versions_apart_and_forget_those_that_are_gone(
    server: Running, ann: AsyncClient, folder: Path
) -> None:
    write_bundle(folder / "new", version="1.10", seed=1)
    await ann.load_model("new")
    await said(ann)
    await said(ann, "handmade@1.9")
    _, both = await fetch(server.server, "/metrics", "Bearer ann")
    await ann.unload_model("handmade@1.9")
    _, left = await fetch(server.server, "/metrics", "Bearer ann")

    rows = 'onnxlate_max_rows{{model="handmade",version="{}"}}'
    texts = 'onnxlate_texts_total{{model="handmade",version="{}"}} {}.0'
    assert rows.format("1.9") in both
    assert rows.format("1.10") in both
    assert rows.format("1.9") not in left
    for version in ("1.9", "1.10"):
        assert texts.format(version, len(TEXTS)) in left  # counters go on


def test_administration_needs_a_folder_and_tokens(folder: Path) -> None:
    with pytest.raises(ValidationError, match="--models and --tokens"):
        ServerConfig(models=folder, admin=True)
    with pytest.raises(ValidationError, match="--models and --tokens"):
        ServerConfig(tokens=folder, admin=True)


def test_a_folder_without_bundles_or_none_at_all_is_refused(tmp_path: Path) -> None:
    for path, error in ((tmp_path, BundleError), (tmp_path / "none", ConfigError)):
        with pytest.raises(error, match=r"no folder in it|not a folder"):
            Server(ServerConfig(listen=ANYWHERE, models=path))


async def test_nothing_of_a_model_is_left_when_it_has_gone(
    server: Running, ann: AsyncClient, folder: Path
) -> None:
    write_bundle(folder / "new", version="1.10", seed=1)
    watching = asyncio.create_task(server.server.broken())
    await ann.translate(TEXTS)
    old = server.server._models.find("handmade@1.9")
    left: list[Callable[[], object]] = [weakref.ref(old.layers.sentences)]
    left += [weakref.ref(each._runner) for each in old.engines]
    del old
    gc.freeze()  # as a server does that is ready
    try:
        await ann.load_model("new")
        assert all(each() for each in left)

        await ann.unload_model("handmade@1.9")
        assert not any(each() for each in left)
    finally:
        gc.unfreeze()
        watching.cancel()
