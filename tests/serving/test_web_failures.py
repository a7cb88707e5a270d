"""What the gateway says when its server fails, and how it treats rude clients."""

import asyncio
import io
import json
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import docx
import grpc
import httpx
import pytest

from onnxlate.errors import ConfigError
from onnxlate_serving.address import Address
from onnxlate_serving.config import ServerConfig
from onnxlate_serving.gateway import border, connection, downloads, pages
from onnxlate_serving.gateway.app import application
from onnxlate_serving.gateway.config import GatewayConfig
from onnxlate_serving.gateway.process import Gateway

from .gateways import ANYWHERE, before, standing
from .word_by_word import WordByWord, model

FIELDS = {"q": "a b", "source": "en", "target": "de"}
OURS = {"text": "a b", "source": "en", "target": "de"}


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[WordByWord, str]]:
    double = WordByWord()
    with standing(double) as url:
        yield double, url


@pytest.fixture
def double(shared: tuple[WordByWord, str]) -> WordByWord:
    """As new, with a gateway before it."""
    double, _ = shared
    double.__init__()  # type: ignore[misc]
    return double


@pytest.fixture
def url(shared: tuple[WordByWord, str], double: WordByWord) -> str:
    return shared[1]


@pytest.fixture
async def rest(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(url) as client:
        yield client


def calling(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=60)


STATUSES = [
    (grpc.StatusCode.INVALID_ARGUMENT, 400, "words of the server"),
    (grpc.StatusCode.UNAUTHENTICATED, 401, "words of the server"),
    (grpc.StatusCode.PERMISSION_DENIED, 403, "words of the server"),
    (grpc.StatusCode.NOT_FOUND, 404, "words of the server"),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, 429, "words of the server"),
    (grpc.StatusCode.INTERNAL, 500, "the server failed; its log says why"),
    (grpc.StatusCode.UNAVAILABLE, 503, "starting or stopping"),
    (grpc.StatusCode.DEADLINE_EXCEEDED, 504, "not ready in time"),
]


@pytest.mark.parametrize(("code", "status", "words"), STATUSES)
async def test_every_status_has_its_own_in_http(
    rest: httpx.AsyncClient,
    double: WordByWord,
    code: grpc.StatusCode,
    status: int,
    words: str,
) -> None:
    for path, fields in (("/translate", FIELDS), ("/v1/translate/stream", OURS)):
        double.errors = [(code, "words of the server")] * 5  # a client tries again
        answer = await rest.post(path, json=fields)

        assert answer.status_code == status
        assert words in answer.json()["error"]
        assert ("retry-after" in answer.headers) == (status in (429, 503))
        assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_what_nobody_foresaw_is_answered_like_all_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages.Asset, "answer", None)
    config = GatewayConfig(upstream="unix:/none", socket=0, max_text_bytes=9)
    async with application(config) as app:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as rest:
            answer = await rest.get("/")

    assert answer.status_code == 500
    assert answer.json() == {"error": "the server failed; its log says why"}
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_gateway_needs_a_folder_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")

    with pytest.raises(ConfigError, match="TMPDIR"):
        Gateway(ServerConfig(web=ANYWHERE), Address.parse(ANYWHERE))


async def test_a_server_that_has_gone_is_unavailable() -> None:
    double = WordByWord()
    async with (
        before(double) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as rest,
    ):
        assert (await rest.get("/health")).status_code == 503  # it has no health
        # The page is there all the same, and says so.
        assert (await rest.get("/")).status_code == 200


async def test_texts_and_tokens_are_in_no_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    double = WordByWord()
    fields = {"text": "seventeen secrets", "api_key": "my-token"}
    async with (
        before(double) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as rest,
    ):
        for code, *_ in STATUSES:
            double.errors = [(code, "no")]
            await rest.post("/v1/translate/stream", json=fields)

    log = capfd.readouterr().err
    assert "failed" in log  # INTERNAL is worth a line
    assert "secrets" not in log
    assert "my-token" not in log


async def test_each_text_goes_to_the_model_of_its_languages() -> None:
    double = WordByWord(
        model("en", "fr"), model("de", "en"), model("en", "de", default=True)
    )
    async with (
        before(double) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as rest,
    ):
        for source, target in (("en", "fr"), ("de", "en"), ("en", "de")):
            fields = {"q": "a b", "source": source, "target": target}
            assert (await rest.post("/translate", json=fields)).status_code == 200
            # No version of it, which may be another one before a long list is done.
            assert double.requests[-1].model == f"{source}-{target}"
        texts = ["Wo ist der Bahnhof, bitte?", "Where is the train station, please?"]
        pair = {"source": "auto", "target": "en"}
        answer = await rest.post("/translate", json={"q": texts, **pair})
        # Nothing goes from English into English.
        assert answer.status_code == 400
        answer = await rest.post("/translate", json={"q": texts[0], **pair})
        assert answer.json()["translatedText"] == texts[0].upper()
        assert answer.json()["detectedLanguage"]["language"] == "de"

        languages = (await rest.get("/languages")).json()
        assert [(each["code"], each["targets"]) for each in languages] == [
            ("en", ["fr", "de"]),
            ("de", ["en"]),
        ]


async def test_formats_are_handed_on(
    rest: httpx.AsyncClient, double: WordByWord
) -> None:
    for format in ("text", "html"):
        await rest.post("/translate", json={**FIELDS, "format": format})
        assert double.requests[-1].options.format == {"text": 2, "html": 3}[format]


async def test_all_that_an_answer_says_is_in_the_json(
    rest: httpx.AsyncClient,
) -> None:
    wanted = {"format": "text", "return_alignment": True, "return_attention": True}

    answer = await rest.post(
        "/v1/translate", json={**OURS, "text": "loop é.", **wanted}
    )

    [said] = answer.json()["translations"]
    assert said["text"] == "LOOP É."
    [link, other] = said["hypotheses"][0]["alignment"]
    assert link["source"] == link["target"] == {"start": 0, "end": 4}
    assert other["probability"] == 0.75
    assert said["warnings"][0]["kind"] == "repetition"
    assert said["warnings"][0]["source"] == {"start": 0, "end": 4}
    assert said["segments"][0]["translated"] is True
    [attention] = said["hypotheses"][0]["attention"]
    assert attention["source_pieces"] == ["▁loop", "▁é."]
    assert attention["weights"][:4] == [1, 0, 0, 1]


async def test_hanging_up_cancels_the_stream(
    rest: httpx.AsyncClient, double: WordByWord
) -> None:
    double.pause_s = 0.2
    fields = {**OURS, "text": "word " * 100}
    async with rest.stream("POST", "/v1/translate/stream", json=fields) as answer:
        async for line in answer.aiter_lines():
            assert json.loads(line)["piece"]
            break

    await _until(lambda: double.cancelled == 1)


FORM = {"source": "en", "target": "de"}


async def test_a_list_has_the_time_that_it_says_and_no_more(
    rest: httpx.AsyncClient, double: WordByWord
) -> None:
    double.answer_pause_s = 0.8
    fields = {"texts": ["a"] * 300, "timeout_s": 1.2}  # ten calls, four at a time

    answer = await rest.post("/v1/translate", json=fields)

    assert answer.status_code == 504
    assert len(double.requests) < 10
    await _until(lambda: double.cancelled > 0)


async def test_a_model_that_goes_while_a_file_is_translated_is_no_callers_mistake(
    rest: httpx.AsyncClient, double: WordByWord
) -> None:
    double.errors = [(grpc.StatusCode.NOT_FOUND, "no en-de@1")]

    files = {"file": ("x.txt", b"a b")}
    answer = await rest.post("/translate_file", data=FORM, files=files)

    assert answer.status_code == 503
    assert "retry-after" in answer.headers


async def test_a_field_that_a_form_has_twice_is_a_list(
    rest: httpx.AsyncClient,
) -> None:
    pair = {"source": "en", "target": "de"}

    answer = await rest.post("/translate", data={"q": ["a", "b"], **pair})
    assert answer.json() == {"translatedText": ["A", "B"]}
    answer = await rest.post("/v1/translate", data={"texts": ["a", "b"], **pair})
    assert [each["text"] for each in answer.json()["translations"]] == ["A", "B"]
    answer = await rest.post("/translate", data={"q": "a", **pair, "target": ["d"] * 2})
    assert answer.status_code == 400


@pytest.mark.parametrize("charset", ["undefined", "punycode", "unicode_escape"])
async def test_a_form_that_is_no_text_is_refused(
    rest: httpx.AsyncClient, charset: str
) -> None:
    part = 'Content-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
    fields = {**FORM, "q": "a", "keys": "\\ud800"}
    parts = [part.format(name, "", value) for name, value in fields.items()]
    parts.append(part.format("file", '; filename="\\ud800.\u00e9"', "a b"))
    body = "".join(f"--x\r\n{each}" for each in parts) + "--x--\r\n"
    kind = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}

    for path in ("/translate", "/translate_file"):
        answer = await rest.post(path, content=body.encode(), headers=kind)
        assert answer.status_code == 400, answer.text


async def test_a_token_too_long_for_a_header_is_none(
    rest: httpx.AsyncClient, double: WordByWord
) -> None:
    answer = await rest.post("/translate", json={**FIELDS, "api_key": "x" * 17000})

    assert answer.status_code == 401
    assert double.requests == []


async def test_a_file_is_found_at_a_host_with_an_underscore(
    rest: httpx.AsyncClient,
) -> None:
    files = {"file": ("x.txt", b"a b")}
    host = {"Host": "my_service:8000"}
    answer = await rest.post("/translate_file", data=FORM, files=files, headers=host)

    url = answer.json()["translatedFileUrl"]
    assert url.startswith("http://my_service:8000/download_file/")


async def test_links_are_asked_for_where_a_paragraph_has_several_looks(
    rest: httpx.AsyncClient, double: WordByWord
) -> None:
    document = docx.Document()
    document.add_paragraph("a b")
    document.add_paragraph("c ").add_run("d").bold = True
    made = io.BytesIO()
    document.save(made)

    files = {"file": ("x.docx", made.getvalue())}
    answer = await rest.post("/v1/translate_file", data=FORM, files=files)

    path = json.loads(answer.text.splitlines()[-1])["path"]
    came = docx.Document(io.BytesIO((await rest.get(path)).content))
    runs = [(run.text, run.bold) for each in came.paragraphs for run in each.runs]
    assert runs == [("A B", None), ("C ", None), ("D", True)]
    asked = {
        text: request.options.return_alignment
        for request in double.requests
        for text in request.texts
    }
    assert asked == {"a b": False, "c d": True}


async def test_a_file_tells_how_far_it_is_call_by_call(
    rest: httpx.AsyncClient, double: WordByWord
) -> None:
    # Two of them are as much as a call should carry.
    texts = [f"word {i} {'x ' * 1000}" for i in range(8)]
    files = {"file": ("x.json", json.dumps(texts).encode())}
    async with rest.stream(
        "POST", "/v1/translate_file", data=FORM, files=files
    ) as answer:
        lines = answer.aiter_lines()
        assert json.loads(await anext(lines)) == {"done": 0, "total": 8}
        said = [json.loads(line) async for line in lines]

    *steps, last = said
    assert [each["done"] for each in steps] == [2, 4, 6]
    assert last["units"] == 8


async def test_hanging_up_cancels_what_a_file_waits_for(
    rest: httpx.AsyncClient, double: WordByWord
) -> None:
    double.answer_pause_s = 30
    files = {"file": ("x.txt", b"a b")}
    for path in ("/translate_file", "/v1/translate_file"):
        double.cancelled = 0
        with pytest.raises(httpx.ReadTimeout):
            async with rest.stream(
                "POST", path, data=FORM, files=files, timeout=1
            ) as answer:
                await answer.aread()

        await _until(lambda: double.cancelled == 1)


async def test_hanging_up_before_the_first_word_cancels_too(
    rest: httpx.AsyncClient, double: WordByWord
) -> None:
    double.pause_s = 30
    with pytest.raises(httpx.ReadTimeout):
        await rest.post("/v1/translate/stream", json=OURS, timeout=1)

    await _until(lambda: double.cancelled == 1)


async def _until(true: Any) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.05)


def connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname
    return socket.create_connection((parts.hostname, parts.port or 80), timeout=60)


async def test_who_dawdles_is_hung_up_on(url: str) -> None:
    """Half a head, and one byte of it after the other."""

    def dawdle(every_s: float) -> float:
        began = time.monotonic()
        with closing(connected(url)) as line:
            line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            line.settimeout(every_s)
            while time.monotonic() - began < 60:
                try:
                    line.sendall(b"X")
                    if not line.recv(100):
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
        return time.monotonic() - began

    for took in await asyncio.gather(
        asyncio.to_thread(dawdle, 0.5), asyncio.to_thread(dawdle, 60)
    ):
        assert connection.HEADERS_S - 1 < took < connection.HEADERS_S + 10


async def test_a_body_that_is_too_large_is_not_read(url: str) -> None:
    head = b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

    def answer(more: bytes) -> bytes:
        with closing(connected(url)) as line:
            line.sendall(head + more)
            return line.recv(100)

    announced = f"Content-Length: {border.MAX_BYTES + 1}\r\n\r\n".encode()
    assert b" 413 " in await asyncio.to_thread(answer, announced)
    size = border.MAX_BYTES + 1000
    chunk = f"Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n".encode() + b" " * size
    assert b" 413 " in await asyncio.to_thread(answer, chunk)


def test_files_are_forgotten_in_time_and_for_room() -> None:
    now = 0.0
    kept = downloads.Downloads(lambda: now)
    first = kept.keep("a", b"x")
    found = kept.find(first)
    assert found
    assert found.data == b"x"

    half = downloads.MAX_KEPT_BYTES // 2
    second, third = kept.keep("b", bytes(half)), kept.keep("c", bytes(half))
    assert kept.find(first) is None
    assert kept.find(second)
    assert kept.find(third)

    now = downloads.KEPT_S + 1
    assert kept.find(second) is None
    assert kept.find(third) is None
