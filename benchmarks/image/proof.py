"""What an image has to bear before it counts as one that can be run anywhere."""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import trustme

from onnxlate.client import Client
from onnxlate.credentials import PLAIN, Credentials
from onnxlate.demo import EXAMPLES
from onnxlate.errors import Unauthenticated
from onnxlate.local_server import LocalServer
from onnxlate_serving.tokens import hash_of

from ..cpu_time import of_process
from ..endurance.target import Unfit
from ..process_memory import memory
from .container import Container, running
from .network import Network
from .specification import Wishes

GRPC, WEB = 50051, 8000

STOP_S = 40.0
"""What operations.md says it may take."""

LONG = 64
"""Texts of a call that is under way when it is told to stop."""

WRITES = """
import errno, os, sys
refused = {}
for folder in ("/", "/venv", "/home", "/tmp", "/var/tmp", os.getcwd()):
    try:
        open(os.path.join(folder, "written"), "w").close()
    except OSError as error:
        refused[folder] = error.errno
    else:
        sys.exit(f"{folder} can be written")
assert refused["/tmp"] == refused["/var/tmp"] == errno.EROFS, refused
assert os.getuid() == os.geteuid() != 0 and os.getgid() != 0, os.getuid()
"""

ABSENT = ("cc", "gcc", "ld", "make")


@dataclass(frozen=True, slots=True)
class Subject:
    """An image's files on a network of its own, and what it says of itself."""

    root: Path
    settings: Mapping[str, Any]
    network: Network
    work: Path

    @property
    def address(self) -> str:
        return f"{self.network.host}:{GRPC}"

    @property
    def health_check(self) -> list[str]:
        """The image's own, as a command."""
        test: list[str] = self.settings["Healthcheck"]["Test"]
        return test[1:]  # "CMD" comes first


def as_it_is(subject: Subject) -> dict[str, Any]:
    """With nothing said: starts, is healthy, translates, writes nothing, drains."""
    with _container(subject, Wishes()) as container:
        ready_s = container.wait_until_ready(subject.network.host, GRPC)
        healthy_s = container.wait_until_healthy(subject.health_check)
        cpu_s = of_process(container.pid)
        said = _translate(subject.address, EXAMPLES)
        with LocalServer(None) as here:
            if said != (expected := _translate(here.address, EXAMPLES)):
                raise Unfit(f"it says {said}, and this checkout {expected}")
        _require_confined(container)
        resident_mb = round(memory(container.pid).resident / 1e6)
        stopped = _drained(container, subject.address)
    return {
        "seconds_until_ready": round(ready_s, 2),
        "seconds_until_healthy": round(healthy_s, 2),
        "cpu_seconds_until_healthy": round(cpu_s, 2),
        "translated": said[0],
        "resident_mb": resident_mb,
        **stopped,
    }


def with_a_page(subject: Subject) -> dict[str, Any]:
    """`--web` needs a folder for a socket: refused without, serves with one."""
    command = ("--listen", f"0.0.0.0:{GRPC}", "--insecure", "--web", f"0.0.0.0:{WEB}")
    with _container(subject, Wishes(command)) as container:
        status = container.wait(60)
        if status != 2 or "TMPDIR" not in container.said:
            raise Unfit(f"without a folder it ended with {status}: {container.said}")
    url = f"http://{subject.network.host}:{WEB}"
    with _container(subject, Wishes(command, scratch=("/tmp",))) as container:
        seconds = container.wait_until_ready(subject.network.host, GRPC)
        with urlopen(url, timeout=10) as page:
            if b"<html" not in page.read():
                raise Unfit("the page is none")
        asked = json.dumps({"q": EXAMPLES[0], "source": "en", "target": "de"}).encode()
        request = Request(
            f"{url}/translate", asked, {"Content-Type": "application/json"}
        )
        with urlopen(request, timeout=10) as answer:
            said = json.load(answer)["translatedText"]
        _stopped(container)
    return {"seconds_until_ready_with_the_page": round(seconds, 2), "rest": said}


def with_mounts(subject: Subject, folder: Path) -> dict[str, Any]:
    """TLS, tokens and glossaries, each from a file of the host's; health knows them."""
    ca, token = trustme.CA(), "everything"
    issued = ca.issue_cert("translate.example.org")
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued.private_key_pem.write_to_path(str(folder / "server.key"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
    (folder / "tokens").write_text(f"web translate sha256:{hash_of(token).hex()}\n")
    glossaries = folder / "glossaries"
    glossaries.mkdir()
    (glossaries / "trains.tsv").write_text("train station\tZugplatz\n")
    folder.chmod(0o755)
    wishes = Wishes(
        command=(
            *("--listen", f"0.0.0.0:{GRPC}", "--glossaries", "/given/glossaries"),
            *("--tls-certificate", "/given/server.pem"),
            *("--tls-key", "/given/server.key", "--tokens", "/given/tokens"),
        ),
        environment={
            "ONNXLATE_CA": "/given/ca.pem",
            "ONNXLATE_SERVER_NAME": "translate.example.org",
        },
        files={"/given": folder},
    )
    known = Credentials(ca=folder / "ca.pem", server_name="translate.example.org")
    with _container(subject, wishes) as container:
        container.wait_until_healthy(subject.health_check)
        try:
            _translate(subject.address, EXAMPLES[:1], known)
        except Unauthenticated:
            pass
        else:
            raise Unfit("it answers who has no token")
        holder = Credentials(ca=known.ca, server_name=known.server_name, token=token)
        [said] = _translate(subject.address, EXAMPLES[:1], holder, glossary="trains")
        if "Zugplatz" not in said:
            raise Unfit(f"the glossary is not in use: {said!r}")
        _stopped(container)
    return {"with_a_glossary": said}


@contextmanager
def _container(subject: Subject, wishes: Wishes) -> Iterator[Container]:
    with running(
        subject.work, subject.root, subject.network.path, subject.settings, wishes
    ) as container:
        yield container


def _translate(
    address: str,
    texts: Sequence[str],
    credentials: Credentials = PLAIN,
    glossary: str | None = None,
) -> list[str]:
    with Client(address, credentials=credentials) as client:
        done = client.translate(list(texts), glossary=glossary)
        return [each.text for each in done]


def _require_confined(container: Container) -> None:
    """Raises Unfit if anything inside can be written, or runs as root."""
    tried = container.inside("python", "-c", WRITES)
    if tried.returncode:
        raise Unfit(f"it is not confined: {tried.stderr.strip()[-300:]}")
    for name in ABSENT:
        if not container.inside("sh", "-c", f"command -v {name}").returncode:
            raise Unfit(f"the image has {name} in it, which only builds need")
    status = Path(f"/proc/{container.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    wanted = {"NoNewPrivs": "1", "CapEff": "0" * 16, "CapBnd": "0" * 16}
    for name, value in wanted.items():
        if fields[name] != value:
            raise Unfit(f"its first process has {name} {fields[name]}, not {value}")
    if not fields["Name"].startswith(("onnxlate", "python")):
        raise Unfit(f"its first process is {fields['Name']}, which takes the signal")


def _drained(container: Container, address: str) -> dict[str, Any]:
    """A call that is under way at SIGTERM must still be answered."""
    answers: list[list[str]] = []

    def call() -> None:
        with Client(address, timeout_s=STOP_S) as client:
            texts = [f"{EXAMPLES[0]} {number}." for number in range(LONG)]
            done = client.translate(texts, beam_size=16)
            answers.append([each.text for each in done])

    caller = threading.Thread(target=call)
    caller.start()
    caller.join(0.3)
    if not caller.is_alive():
        raise Unfit("the call was over before there was a signal; nothing is shown")
    seconds = _stopped(container)
    caller.join()
    if not answers:
        raise Unfit("a call that was under way when it was told to stop is lost")
    return {"seconds_until_stopped": seconds, "texts_answered_meanwhile": LONG}


def _stopped(container: Container) -> float:
    """Seconds from SIGTERM to its end; raises Unfit if that is not in order."""
    began = time.monotonic()
    container.terminate()
    status = container.wait(STOP_S)
    if status:
        raise Unfit(f"told to stop it ended with {status}: {container.said[-300:]}")
    return round(time.monotonic() - began, 2)
