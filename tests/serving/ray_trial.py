"""Our application on Ray, tried from outside; what came of it, as JSON.

    python -m tests.serving.ray_trial BUNDLE TOKENS FINDINGS

In a process of its own, since Ray leaves threads and warnings behind, and in a network
namespace of its own (test_ray_app.py), since Ray's proxies listen everywhere.
"""

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc

from onnxlate import Client, Credentials
from onnxlate.errors import OnnxlateError
from onnxlate.local_server import LocalServer
from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc
from onnxlate_serving.ray_app import RayArgs, app
from onnxlate_serving.tokens import hash_of

ADDRESS = "127.0.0.1:19000"

TOKEN = "secret"

BEARER = (("authorization", f"Bearer {TOKEN}"),)

TEXTS = ["one", "two three", "", "four five six seven", "eight " * 9]

WORDS = ("one", "two", "three", "four", "five", "six")

LONG = "".join(f"{a} {b} {c} {d}\n" for a, b, c, d in product(WORDS, repeat=4))
"""Sentences enough to be in the middle of it when something happens."""


@contextmanager
def ray_serve(folder: Path, args: RayArgs) -> Iterator[None]:
    """Ray on this machine alone, and our application in it."""
    os.environ |= {
        "RAY_TMPDIR": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "0" * 64,
        "RAY_enable_metrics_collection": "0",
    }
    import ray
    from ray import serve

    for attempt in range(3):
        try:
            ray.init(
                num_cpus=1,
                include_dashboard=False,
                log_to_driver=False,
                object_store_memory=80_000_000,
            )
            break
        except Exception:  # as Ray has it, where a machine is too busy for its 30 s
            if attempt == 2:
                raise
            ray.shutdown()
    try:
        serve.start(
            http_options={"host": "127.0.0.1", "port": 18000},
            grpc_options={
                "port": int(ADDRESS.rpartition(":")[2]),
                "grpc_servicer_functions": ["onnxlate_serving.ray_proxy.add_to_proxy"],
            },
        )
        serve.run(app(args))
        yield
    finally:
        ray.shutdown()


def status(call: Any) -> list[Any]:
    """What a call comes to, and what is told besides."""
    try:
        call()
    except grpc.RpcError as error:
        trailers: Any = error.trailing_metadata() or ()
        told = sorted(key for key, _ in trailers if key != "request_id")
        return [error.code().name, error.details(), told]
    return ["OK", "", []]


def refused(stub: pb_grpc.TranslationServiceStub, channel: grpc.Channel) -> Any:
    def translate(*texts: str, **given: Any) -> Any:
        request = pb.TranslateRequest(texts=texts)
        return stub.Translate(request, **{"timeout": 30, "metadata": BEARER, **given})

    def stream(text: str) -> Any:
        request = pb.TranslateStreamRequest(text=text)
        return list(stub.TranslateStream(request, timeout=30, metadata=BEARER))

    raw: Any = channel.unary_unary(
        "/onnxlate.v1.TranslationService/Translate", bytes, bytes
    )
    unknown = pb.GetModelRequest(name="nobody")
    many = [f"one two {number}" for number in range(250)]
    return {
        "too long": status(lambda: translate("one", "word " * 200)),
        "too long in a stream": status(lambda: stream("word " * 200)),
        "unknown model": status(lambda: stub.GetModel(unknown, metadata=BEARER)),
        "no token": status(lambda: translate("one", metadata=())),
        "no message": status(lambda: raw(b"\xff\xff", metadata=BEARER)),
        "no time": status(lambda: translate(*many, timeout=0.01)),
    }


def crowded(stub: pb_grpc.TranslationServiceStub) -> list[list[Any]]:
    """More at a time than may wait."""
    request = pb.TranslateRequest(texts=[f"one two three {n}" for n in range(100)])
    request.options.beam_size = 4

    def one(_: int) -> list[Any]:
        return status(lambda: stub.Translate(request, timeout=60, metadata=BEARER))

    with ThreadPoolExecutor(6) as pool:
        return list(pool.map(one, range(6)))


def killed_in_a_stream(client: Client) -> str:
    """What is heard of a text whose replica dies behind the first piece."""
    import ray

    [name] = [
        each["name"]
        for each in ray.util.list_named_actors(all_namespaces=True)
        if "SERVE_REPLICA" in each["name"]
    ]
    pieces = client.stream(LONG, format="text")
    first = next(pieces)
    ray.kill(ray.get_actor(name, namespace="serve"))
    return first + "".join(pieces)


def deaths(folder: Path) -> int:
    """Those that the proxy has noted."""
    logs = (folder / "ray" / "session_latest" / "logs").glob("worker-*.err")
    return sum(log.read_text().count("a replica died under a call") for log in logs)


def batch(client: Client) -> list[str]:
    answers = dict(client.translate_many(enumerate(TEXTS)))
    return [
        "" if isinstance(answer, OnnxlateError) else answer.text
        for _, answer in sorted(answers.items())
    ]


def main() -> None:
    bundle, tokens, findings = map(Path, sys.argv[1:])
    tokens.write_text(f"us translate sha256:{hash_of(TOKEN).hex()}\n")
    found: dict[str, Any] = {}
    with LocalServer(bundle) as server, Client(server.address) as client:
        found["alone"] = [each.text for each in client.translate(TEXTS)]
        found["long alone"] = "".join(client.stream(LONG, format="text"))
    args = RayArgs(bundle=bundle, tokens=tokens, max_waiting=8, max_replicas=1)
    credentials = Credentials(token=TOKEN)
    with (
        # Not in pytest's folder: Ray's sockets lie in it, whose names must be short.
        TemporaryDirectory(prefix="ray", dir="/tmp") as folder,
        ray_serve(Path(folder), args),
        Client(ADDRESS, credentials=credentials, timeout_s=120) as client,
        grpc.insecure_channel(ADDRESS, [("grpc.enable_retries", 0)]) as channel,
    ):
        stub = pb_grpc.TranslationServiceStub(channel)
        found["model"] = client.model().full_name
        found["unary"] = [each.text for each in client.translate(TEXTS)]
        found["streams"] = ["".join(client.stream(text)) for text in TEXTS]
        found["batch"] = batch(client)
        found["refused"] = refused(stub, channel)
        found["crowded"] = crowded(stub)
        found["killed in a stream"] = killed_in_a_stream(client)
        found["deaths under a call"] = deaths(Path(folder))
    findings.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
