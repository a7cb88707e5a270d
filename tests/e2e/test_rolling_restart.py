"""Two servers that come and go, and a client that loses nothing by it."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from onnxlate import Client
from tests.serving.handmade import write_bundle
from tests.serving.server_process import ServerProcess, server_process

TEXTS = ["one two", "three four five", "six"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle") / "en")


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Asker(threading.Thread):
    """Asks without a pause, and notes what is not as it was."""

    def __init__(self, client: Client) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._expected = self._ask()
        self.stopping = threading.Event()
        self.num_answers = 0
        self.failures: list[object] = []

    def run(self) -> None:
        while not self.stopping.is_set() and len(self.failures) < 10:
            try:
                answer = self._ask()
            except Exception as error:
                self.failures.append(error)
                continue
            self.num_answers += 1
            if answer != self._expected:
                self.failures.append(answer)

    def _ask(self) -> list[str]:
        return [each.text for each in self._client.translate(TEXTS, beam_size=2)]


@contextmanager
def asking(address: str, count: int = 3) -> Iterator[list[Asker]]:
    with Client(address) as client:
        client.wait_until_ready()
        askers = [Asker(client) for _ in range(count)]
        for each in askers:
            each.start()
        try:
            yield askers
        finally:
            for each in askers:
                each.stopping.set()
            for each in askers:
                each.join(timeout=60)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_restarts_by_turns_lose_no_call(bundle: Path, how: signal.Signals) -> None:
    ports = free_ports(2)

    @contextmanager
    def started(port: int) -> Iterator[ServerProcess]:
        options = ("--listen", f"127.0.0.1:{port}", "--announce-seconds", "1")
        with server_process(bundle, "--max-cached", "0", *options) as server:
            server.wait_ready()
            yield server

    with ExitStack() as stack:
        servers = [stack.enter_context(started(port)) for port in ports]
        address = ",".join(f"127.0.0.1:{port}" for port in ports)
        with asking(address) as askers:
            for _ in range(2):
                for number, port in enumerate(ports):
                    before = [each.num_answers for each in askers]
                    servers[number].send(how)
                    servers[number].wait()
                    servers[number] = stack.enter_context(started(port))
                    # The other one has answered meanwhile.
                    assert all(
                        asker.num_answers > count
                        for asker, count in zip(askers, before, strict=True)
                    )
                    # As a rolling update waits, so that clients find it again.
                    time.sleep(1.5)
    assert [failure for each in askers for failure in each.failures] == []
    assert sum(each.num_answers for each in askers) > 50
