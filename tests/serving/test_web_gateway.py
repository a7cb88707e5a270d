"""REST in LibreTranslate's shape, on a real server: what clients see."""

import io
import json
from collections.abc import Iterator
from typing import Any

import docx
import httpx
import pytest
from libretranslatepy import LibreTranslateAPI

from onnxlate import Client
from onnxlate.answer import Format
from onnxlate.documents import (
    Journal,
    open_document,
    suffixes,
    translate_document,
)
from onnxlate.messages import CallOptions

from .gateways import Whole, served

ENGLISH = "Where is the train station? I would like to buy a ticket."


@pytest.fixture(scope="module")
def server() -> Iterator[Whole]:
    """With the model that is installed."""
    with served() as server:
        yield server


@pytest.fixture(scope="module")
def rest(server: Whole) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


def said(server: Whole, text: str, format: Format = Format.TEXT) -> str:
    """What gRPC answers."""
    with Client(server.grpc) as client:
        return client.translate([text], format=format)[0].text


def test_libretranslatepy_works_unchanged(server: Whole) -> None:
    client = LibreTranslateAPI(server.url)

    assert client.translate("Good morning.", "en", "de") == said(
        server, "Good morning."
    )
    assert client.languages() == [
        {"code": "en", "name": "English", "targets": ["de"]},
    ]
    [guess] = client.detect(ENGLISH)
    assert guess["language"] == "en"
    assert guess["confidence"] > 90


def test_libretranslatepy_sends_its_key_without_harm(server: Whole) -> None:
    client = LibreTranslateAPI(f"{server.url}/", api_key="secret")

    assert client.translate("Good morning.", "en", "de")
    assert client.languages()


def test_a_text_comes_back_translated(rest: httpx.Client, server: Whole) -> None:
    fields = {"q": "A dog runs.", "source": "en", "target": "de", "format": "text"}

    as_json, as_form = (
        rest.post("/translate", json=fields),
        rest.post("/translate", data=fields),
    )

    assert as_json.status_code == 200
    assert as_json.json() == {"translatedText": said(server, "A dog runs.")}
    assert as_form.json() == as_json.json()


def test_a_form_of_parts_is_a_form(rest: httpx.Client, server: Whole) -> None:
    parts = {"q": (None, "A dog runs."), "source": (None, "en"), "target": (None, "de")}

    answer = rest.post("/translate", files=parts)

    assert answer.json() == {"translatedText": said(server, "A dog runs.")}


def test_lists_are_answered_by_lists(rest: httpx.Client, server: Whole) -> None:
    texts = ["One.", "", "Two dogs.", "  "]

    answer = rest.post(
        "/translate",
        json={"q": texts, "source": "auto", "target": "de", "alternatives": 2},
    ).json()

    assert answer["translatedText"] == [said(server, text) for text in texts]
    assert [each["language"] for each in answer["detectedLanguage"]] == ["en"] * 4
    assert len(answer["alternatives"]) == 4
    assert all(len(each) <= 2 for each in answer["alternatives"])


def test_a_detected_language_is_told_with_how_sure_that_is(rest: httpx.Client) -> None:
    fields = {"q": ENGLISH, "source": "auto", "target": "de"}

    answer = rest.post("/translate", json=fields).json()

    assert answer["detectedLanguage"]["language"] == "en"
    assert answer["detectedLanguage"]["confidence"] > 90
    # Of the languages served one is the likeliest; it is not therefore likely.
    [french] = rest.post(
        "/detect", json={"q": "Où est la gare, s'il vous plaît ?"}
    ).json()
    assert french["language"] == "en"
    assert french["confidence"] < 1


def test_alternatives_differ_from_the_translation_and_each_other(
    rest: httpx.Client,
) -> None:
    fields = {"q": ENGLISH, "source": "en", "target": "de", "alternatives": 4}

    answer = rest.post("/translate", json=fields).json()

    texts = [answer["translatedText"], *answer["alternatives"]]
    assert 2 <= len(texts) <= 5
    assert len(set(texts)) == len(texts)


def test_settings_tell_clients_what_there_is(rest: httpx.Client) -> None:
    settings = rest.get("/frontend/settings").json()

    assert settings["language"] == {
        "source": {"code": "en", "name": "English"},
        "target": {"code": "de", "name": "German"},
    }
    assert settings["charLimit"] == 65536
    assert not settings["keyRequired"]
    assert ".txt" in settings["supportedFilesFormat"]
    assert rest.get("/health").json() == {"status": "ok"}


MISTAKES: list[tuple[Any, int, str]] = [
    ({}, 400, "q: "),
    ({"q": 3, "source": "en", "target": "de"}, 400, "q: "),
    ({"q": ["x"] * 1001, "source": "en", "target": "de"}, 400, "q: "),
    ({"q": [], "source": "en", "target": "de"}, 400, "q: "),
    ({"q": "x", "source": "en"}, 400, "target: "),
    ({"q": "x", "source": "en", "target": "fr"}, 400, "there are en-de"),
    ({"q": "x", "source": "de", "target": "en"}, 400, "there are en-de"),
    ({"q": "x", "source": "en", "target": "de", "format": "pdf"}, 400, "format: "),
    ({"q": "x", "source": "en", "target": "de", "alternatives": 99}, 400, "alternat"),
    ({"q": "x " * 40_000, "source": "en", "target": "de"}, 400, "bytes"),
    ({"q": "x" * 3_000_000, "source": "en", "target": "de"}, 413, "bytes"),
]


@pytest.mark.parametrize(("fields", "status", "reason"), MISTAKES)
def test_mistakes_are_told_and_nothing_of_the_text(
    rest: httpx.Client, fields: Any, status: int, reason: str
) -> None:
    answer = rest.post("/translate", json=fields)

    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert reason in answer.json()["error"]
    assert "xx" not in answer.text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"q": "\\ud800", "source": "en", "target": "de"}', "application/json", 400),
        (b"q=x", "text/plain", 415),
        (b"q=x", "multipart/form-data", 400),
        (b"--x\r\nnonsense", "multipart/form-data; boundary=x", 400),
    ],
)
def test_what_is_no_request_is_refused(
    rest: httpx.Client, content: bytes, kind: str, status: int
) -> None:
    answer = rest.post("/translate", content=content, headers={"Content-Type": kind})

    assert (answer.status_code, list(answer.json())) == (status, ["error"])


def test_other_addresses_and_methods_are_refused(rest: httpx.Client) -> None:
    assert rest.get("/nothing").status_code == 404
    assert rest.get("/nothing").json() == {"error": "not found"}
    assert rest.get("/translate").status_code == 405
    assert rest.get("/page/../app.py").status_code == 404
    assert rest.get("/page/%2e%2e/app.py").status_code == 404
    assert rest.post("/suggest", data={"q": "x"}).status_code == 403


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.iter_lines()]


def test_our_stream_is_the_whole_answer_in_pieces(
    rest: httpx.Client, server: Whole
) -> None:
    fields = {"text": ENGLISH, "source": "en", "target": "de", "format": "text"}

    with rest.stream("POST", "/v1/translate/stream", json=fields) as answer:
        assert answer.headers["content-type"] == "application/x-ndjson"
        *pieces, last = lines(answer)

    text = said(server, ENGLISH)
    assert "".join(each["piece"] for each in pieces) == text
    assert last["result"]["text"] == text
    assert last["result"]["model"] == "tatoeba-en-de"


def test_our_options_are_the_clients_by_name(rest: httpx.Client) -> None:
    fields = {
        "texts": ["A dog runs.", "Two."],
        "beam_size": 3,
        "num_hypotheses": 2,
        "return_scores": True,
    }

    answer = rest.post("/v1/translate", json=fields).json()

    assert len(answer["translations"]) == 2
    for each in answer["translations"]:
        best, other = each["hypotheses"]
        assert each["text"] == best["text"]
        assert best["score"] >= other["score"]


def test_options_come_back_as_they_were_sent(rest: httpx.Client) -> None:
    sampling = {"temperature": 0.7654321, "top_k": 9, "top_p": 0.87654321, "seed": 1}
    fields = {"text": "A dog runs.", "length_penalty": 0.6, "sampling": sampling}

    [answer] = rest.post("/v1/translate", json=fields).json()["translations"]
    again = rest.post(
        "/v1/translate", json={"text": "A dog runs.", **answer["options"]}
    ).json()

    assert answer["options"]["length_penalty"] == 0.6
    assert answer["options"]["sampling"] == pytest.approx(sampling, rel=1e-7)
    assert again["translations"] == [answer]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "either text or texts"),
        ({"text": "x", "texts": ["x"]}, "either text or texts"),
        ({"text": "x", "beam": 3}, "a name other than"),
        ({"text": "x", "beam_size": "wide"}, "beam_size: "),
        ({"text": "x", "beam_size": -1}, "beam_size is out of range"),
        ({"text": "x", "sampling": {"seed": -1}}, "sampling is out of range"),
        ({"text": "x", "target_prefix": "\ud800"}, "not JSON of Unicode"),
        ({"text": "x", "beam_size": 17}, "from 1 to 16"),
        ({"text": "x", "format": "pdf"}, "format: "),
        ({"text": "x", "timeout_s": 0}, "timeout_s: "),
        ({"text": "x", "source": "en"}, "source and target"),
        ({"text": "x", "source": "en", "target": "fr"}, "there are en-de"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(
    rest: httpx.Client, fields: dict[str, Any], reason: str
) -> None:
    for path in ("/v1/translate", "/v1/translate/stream"):
        if path.endswith("stream") and "text or texts" in reason:
            reason = "one text"
        content = json.dumps(fields)
        kind = {"Content-Type": "application/json"}
        answer = rest.post(path, content=content, headers=kind)
        assert (answer.status_code, reason in answer.json()["error"]) == (400, True)


def test_a_model_nobody_serves_is_not_found(rest: httpx.Client) -> None:
    answer = rest.post("/v1/translate", json={"text": "x", "model": "none"})

    assert answer.status_code == 404


TEXT = "A dog runs.\n\nI like it.\n"


@pytest.mark.parametrize(
    ("name", "format"),
    [("letter.txt", Format.TEXT), ("a.md", Format.MARKDOWN), ("b.html", Format.HTML)],
)
def test_a_file_is_translated_and_can_be_fetched(
    rest: httpx.Client, server: Whole, name: str, format: Format
) -> None:
    answer = rest.post(
        "/translate_file",
        data={"source": "en", "target": "de"},
        files={"file": (name, TEXT.encode())},
    )
    url = answer.json()["translatedFileUrl"]
    assert url.startswith(f"{server.url}/download_file/")

    file = rest.get(url)

    assert file.text == said(server, TEXT, format)
    stem, _, suffix = name.partition(".")
    disposition = file.headers["content-disposition"]
    assert disposition == f"attachment; filename*=UTF-8''{stem}.de.{suffix}"
    # A page somebody sent must not become one of ours.
    assert file.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in file.headers["content-security-policy"]


def test_the_same_tells_how_far_it_is(rest: httpx.Client) -> None:
    text = f"A dog runs.{' ' * 3000}\n\n" * 40
    with rest.stream(
        "POST",
        "/v1/translate_file",
        data={"source": "auto", "target": "de"},
        files={"file": ("long.txt", text.encode())},
    ) as answer:
        *steps, last = lines(answer)

    assert steps[0]["done"] == 0
    assert all(each["total"] == steps[0]["total"] > 1 for each in steps)
    assert rest.get(last["path"]).status_code == 200


def translated(
    rest: httpx.Client, name: str, content: bytes, **fields: Any
) -> tuple[dict[str, Any], httpx.Response]:
    """What is said of it, and the file."""
    answer = rest.post(
        "/translate_file",
        data={"source": "auto", "target": "de", **fields},
        files={"file": (name, content)},
    )
    assert answer.status_code == 200, answer.text
    said = answer.json()
    return said, rest.get(said["translatedFileUrl"])


def test_a_word_file_comes_back_as_one(rest: httpx.Client, server: Whole) -> None:
    document = docx.Document()
    document.add_heading("Where is the train station?")
    paragraph = document.add_paragraph("I would like to ")
    paragraph.add_run("buy").bold = True
    paragraph.add_run(" a ticket.")
    for _ in range(2):
        document.add_table(1, 1).cell(0, 0).text = "A dog runs."
    made = io.BytesIO()
    document.save(made)

    told, file = translated(rest, "letter.en.docx", made.getvalue())

    assert file.headers["content-type"] == (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    )
    assert file.headers["content-disposition"].endswith("''letter.de.docx")
    assert (told["units"], told["untranslated"]) == (4, 0)
    came = docx.Document(io.BytesIO(file.content))
    heading, ticket = (each for each in came.paragraphs if each.text)
    assert heading.text == said(server, "Where is the train station?")
    assert heading.style == came.styles["Heading 1"]
    assert ticket.text == said(server, "I would like to buy a ticket.")
    assert any(run.bold and run.text.strip() for run in ticket.runs)
    dogs = {table.cell(0, 0).text for table in came.tables}
    assert dogs == {said(server, "A dog runs.")}
    with Client(server.grpc) as client:
        word = open_document("x.docx", made.getvalue())
        expected = translate_document(client, word, client.model(), {}, Journal(None))
    assert file.content == expected[0]


def test_a_catalog_is_filled(rest: httpx.Client, server: Whole) -> None:
    entry = '#: a.py\nmsgid "A dog runs."\nmsgstr ""\n'
    done = 'msgid "Yes"\nmsgstr "Jawohl"\n'

    _, file = translated(rest, "shop.pot", f"{entry}\n{done}".encode())
    _, sure = translated(rest, "shop.po", entry.encode(), fuzzy="false")

    dog = entry.replace('msgstr ""', f'msgstr "{said(server, "A dog runs.")}"')
    assert file.text == dog.replace("msgid", "#, fuzzy\nmsgid") + "\n" + done
    assert sure.text == dog
    assert file.headers["content-type"].startswith("text/x-gettext-translation")
    assert file.headers["content-disposition"].endswith("''shop.de.po")


def test_columns_and_keys_are_chosen(rest: httpx.Client, server: Whole) -> None:
    table = b"id;words;note\r\n7;A dog runs.;Keep this.\r\n"
    dog = said(server, "A dog runs.")

    _, csv = translated(rest, "t.csv", table, columns=["words=de", "note=note2"])
    _, json = translated(
        rest, "x.json", b'{"a": "A dog runs.", "b": "Keep."}', keys="a"
    )

    keep = said(server, "Keep this.")
    assert csv.content.decode() == (
        f"id;words;note;de;note2\r\n7;A dog runs.;Keep this.;{dog};{keep}\r\n"
    )
    assert json.json() == {"a": dog, "b": "Keep."}


def test_a_text_that_the_server_refuses_stays_and_is_told(
    rest: httpx.Client,
) -> None:
    long = "dog " * 20_000
    content = json.dumps(["A dog runs.", long, "A dog runs."])

    told, file = translated(rest, "x.json", content.encode())

    first, second, third = file.json()
    assert second == long
    assert first == third != "A dog runs."
    assert (told["units"], told["untranslated"]) == (3, 1)
    assert told["warning_counts"]["not translated"] == 1
    assert {"place": "1", "kind": "not translated"}.items() <= told["warnings"][
        0
    ].items()


def test_what_can_be_translated_is_offered(rest: httpx.Client) -> None:
    offered = rest.get("/frontend/settings").json()["supportedFilesFormat"]

    assert offered == suffixes()
    assert {".docx", ".po", ".srt", ".csv", ".md"} <= set(offered)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.exe", b"x", "none of the files"),
        ("x", b"x", "none of the files"),
        ("x.txt", b"\xff", "UTF-8"),
        ("x.docx", b"x", "not DOCX"),
        ("x.json", b"{", "not JSON"),
        ("x.csv", b"id,words\n1,two\n", "'id', 'words'"),
    ],
)
def test_files_that_cannot_be_translated_are_refused(
    rest: httpx.Client, name: str, content: bytes, reason: str
) -> None:
    answer = rest.post(
        "/translate_file",
        data={"source": "en", "target": "de"},
        files={"file": (name, content)},
    )

    assert answer.status_code == 400
    assert reason in answer.json()["error"]


def test_keys_of_files_cannot_be_guessed(rest: httpx.Client) -> None:
    assert rest.get("/download_file/x/letter.de.txt").status_code == 404


def test_a_strange_host_is_not_said_back(rest: httpx.Client) -> None:
    answer = rest.post(
        "/translate_file",
        data={"source": "en", "target": "de"},
        files={"file": ("a.txt", b"One.")},
        headers={"Host": "a/b?c"},
    )

    assert answer.json()["translatedFileUrl"].startswith("/download_file/")


def test_the_page_is_asked_for_once(rest: httpx.Client) -> None:
    first = rest.get("/")
    assert first.headers["content-type"] == "text/html; charset=utf-8"
    assert first.headers["cache-control"] == "no-cache"

    again = rest.get("/", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")


def test_nothing_may_come_from_elsewhere(rest: httpx.Client) -> None:
    for path in ("/", "/page/main.js", "/languages", "/nothing"):
        headers = rest.get(path, headers={"Origin": "https://example.org"}).headers
        assert headers["content-security-policy"].startswith("default-src 'self'; ")
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_the_description_names_every_path(rest: httpx.Client) -> None:
    spec = rest.get("/spec").json()

    assert spec["openapi"].startswith("3.")
    for path, methods in spec["paths"].items():
        for method in methods:
            address = path.format(key="x", name="x")
            status = rest.request(method.upper(), address).status_code
            assert status != 405, path
    options = spec["components"]["schemas"]["Options"]["properties"]
    assert set(CallOptions.__annotations__) <= set(options)
    assert {"/translate", "/detect", "/languages", "/v1/translate"} <= set(
        spec["paths"]
    )
