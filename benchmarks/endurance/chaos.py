"""Two servers that are restarted, killed and frozen under their callers, and get new
certificates and models."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme

from onnxlate.bundle import MANIFEST_NAME
from onnxlate.client import Client
from onnxlate.credentials import Credentials
from onnxlate.errors import OnnxlateError
from onnxlate.local_server import ServerProcess
from onnxlate_serving.server import DEFAULT_BUNDLE
from onnxlate_serving.tokens import hash_of

from .target import Unfit, command, free_port

CALLERS = 4
PAUSE_S = 1.5
"""After a server is back, before the next goes, as rolling updates wait."""

FROZEN_S = 10.0

TOKEN = "everything"

NAME = "localhost"
"""Of both servers, in their certificates."""

LISTENER = """
import sys, pathlib, onnxlate
address, text, ca, name, token = sys.argv[1:]
credentials = onnxlate.Credentials(
    ca=pathlib.Path(ca), server_name=name, token=token
)
with onnxlate.Client(address, credentials=credentials) as client:
    while True:
        for piece in client.stream(text):
            print(flush=True)
"""


class Caller(threading.Thread):
    """Asks the same things again and again, and notes every answer that differs."""

    def __init__(self, client: Client, texts: list[str], offset: int) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._texts = islice(cycle(texts), offset, None)
        self.expected: dict[str, str] = {}
        self.answers = 0
        self.longest_s = 0.0
        self.lost: list[str] = []
        self.over = threading.Event()

    def run(self) -> None:
        for text in self._texts:
            if self.over.is_set():
                return
            began = time.monotonic()
            try:
                [answer] = self._client.translate([text])
            except OnnxlateError as error:
                self.lost.append(f"{type(error).__name__}: {error}")
                continue
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            self.answers += 1
            if answer.text != self.expected[text]:
                self.lost.append("another answer than before")


class Pair:
    """Two servers, of which one at a time is away; certificates and models change."""

    def __init__(self, bundle: Path | None, stack: ExitStack) -> None:
        self._stack = stack
        self._folder = Path(stack.enter_context(TemporaryDirectory()))
        self._bundle = bundle or DEFAULT_BUNDLE
        self._authority = trustme.CA()
        self.ca = self._folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.ca)
        self.credentials = Credentials(ca=self.ca, server_name=NAME, token=TOKEN)
        tokens = self._folder / "tokens"
        tokens.write_text(f"us translate,admin sha256:{hash_of(TOKEN).hex()}\n")
        self._version = 0
        self._write_model()
        self.renew_certificate()
        self._ports = [free_port(), free_port()]
        self.addresses = [f"127.0.0.1:{port}" for port in self._ports]
        self._servers = [self._started(port) for port in self._ports]

    @property
    def address(self) -> str:
        return ",".join(self.addresses)

    def renew_certificate(self) -> None:
        """Of both, signed by the same authority."""
        certificate = self._authority.issue_cert(NAME)
        new = self._folder / "new.pem"
        for name, blob in (
            ("server.key", certificate.private_key_pem.bytes()),
            ("server.pem", b"".join(e.bytes() for e in certificate.cert_chain_pems)),
        ):
            new.write_bytes(blob)
            new.replace(self._folder / name)

    def swap_models(self) -> None:
        """Both load the next version, let it be the default, and forget the last."""
        old = self._version
        self._write_model()
        for address in self.addresses:
            with Client(address, credentials=self.credentials) as admin:
                new = admin.load_model(str(self._version))
                admin.unload_model(f"{new.name}@{old}")
        shutil.rmtree(self._models / str(old))

    @property
    def _models(self) -> Path:
        return self._folder / "models"

    def _write_model(self) -> None:
        """The same bundle as another version; the folder appears whole."""
        self._version += 1
        new = self._folder / "new"
        shutil.copytree(self._bundle, new)
        manifest = new / MANIFEST_NAME
        facts = json.loads(manifest.read_bytes())
        manifest.write_text(json.dumps(facts | {"version": str(self._version)}))
        self._models.mkdir(exist_ok=True)
        new.rename(self._models / str(self._version))

    def _started(self, port: int) -> ServerProcess:
        options = {
            "--listen": f"127.0.0.1:{port}",
            "--max-cached": "0",
            "--models": str(self._models),
            "--tokens": str(self._folder / "tokens"),
            "--tls-certificate": str(self._folder / "server.pem"),
            "--tls-key": str(self._folder / "server.key"),
        }
        flat = [word for option in options.items() for word in option]
        server = ServerProcess(command(None, "--admin", *flat))
        return self._stack.enter_context(server)

    def restart(self, which: int, how: signal.Signals) -> None:
        server = self._servers[which]
        os.kill(server.pid, how)
        server.stop()
        self._servers[which] = self._started(self._ports[which])
        time.sleep(PAUSE_S)

    def stop_for(self, which: int, seconds: float) -> None:
        """Freezes it; its callers wait, or go to the other."""
        os.kill(self._servers[which].pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self._servers[which].pid, signal.SIGCONT)
        time.sleep(PAUSE_S)


@contextmanager
def dying_listeners(pair: Pair, text: str) -> Iterator[list[int]]:
    """A client a second that is killed in the middle of a stream; counts them."""
    words = (pair.addresses[0], text, str(pair.ca), NAME, TOKEN)
    over, killed = threading.Event(), [0]

    def work() -> None:
        while not over.wait(1.0):
            arguments = [sys.executable, "-c", LISTENER, *words]
            with subprocess.Popen(
                arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as listener:
                assert listener.stdout
                listener.stdout.readline()
                listener.kill()
            killed[0] += 1

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join(30)


def chaos(
    bundle: Path | None,
    texts: list[str],
    num_answers: int,
    frozen_s: float = FROZEN_S,
) -> dict[str, object]:
    """Until there are so many answers, each way for each server at least once.

    Raises Unfit if an answer is lost, or another than it was.
    """
    with ExitStack() as stack:
        pair = Pair(bundle, stack)
        client = stack.enter_context(Client(pair.address, credentials=pair.credentials))
        client.wait_until_ready()
        whole = client.translate(texts)
        expected = {text: each.text for text, each in zip(texts, whole, strict=True)}
        callers = [Caller(client, texts, number) for number in range(CALLERS)]
        events: list[str] = []
        with dying_listeners(pair, max(texts, key=len)) as killed:
            for each in callers:
                each.expected = expected
                each.start()
            try:
                while not events or sum(c.answers for c in callers) < num_answers:
                    for which in (0, 1):
                        for how in (signal.SIGTERM, signal.SIGKILL):
                            pair.restart(which, how)
                            events.append(how.name)
                        pair.stop_for(which, frozen_s)
                        events.append("SIGSTOP")
                        pair.renew_certificate()
                        events.append("new certificate")
                        pair.swap_models()
                        events.append("new model")
            finally:
                for each in callers:
                    each.over.set()
                for each in callers:
                    each.join(90)
    lost = [words for each in callers for words in each.lost]
    figures = {
        "answers": sum(each.answers for each in callers),
        "lost_or_wrong": len(lost),
        "longest_call_s": round(max(each.longest_s for each in callers), 2),
        "events": {name: events.count(name) for name in dict.fromkeys(events)},
        "clients_killed_in_a_stream": killed[0],
    }
    if lost:
        raise Unfit(f"{figures}; the first: {lost[0]}")
    return figures
