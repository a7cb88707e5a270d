import math
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxlate import AsyncClient, Client
from onnxlate.errors import (
    ConfigError,
    DeadlineExceeded,
    InvalidRequest,
    ModelNotFound,
    OnnxlateError,
    ServerFailure,
    Unavailable,
)
from onnxlate.messages import MAX_BYTES, MAX_TEXTS, batches

from .parrot import Parrot, serving


def test_a_long_list_travels_in_several_calls_and_keeps_its_order(
    parrot: Parrot, server: str
) -> None:
    texts = [f"text {i}" for i in range(500)]
    parrot.pauses_s = {"text 0": 0.2}  # the first call is the last to be answered

    with Client(server) as client:
        translations = client.translate(texts)

    assert [each.text for each in translations] == [text.upper() for text in texts]
    assert len(parrot.requests) > 4


def test_calls_are_bounded_in_bytes_too(parrot: Parrot, server: str) -> None:
    with Client(server) as client:
        client.translate(["x" * 100_000] * 3)

    assert [len(request.texts) for request in parrot.requests] == [1, 1, 1]


def test_an_answer_may_be_larger_than_what_was_asked(server: str) -> None:
    with Client(server) as client:
        [answer] = client.translate(["x" * 200_000], num_hypotheses=30)

    assert len(answer.hypotheses[29].text) == 200_029  # 6 MB in all


def test_options_left_out_are_left_to_the_server(parrot: Parrot, server: str) -> None:
    with Client(server) as client:
        client.translate(["a"], beam_size=5)

    [options] = [request.options for request in parrot.requests]
    assert [field.name for field, _ in options.ListFields()] == ["beam_size"]


def test_n_best_scores_and_truncation_arrive(server: str) -> None:
    with Client(server) as client:
        [best] = client.translate(["a"], num_hypotheses=3, return_scores=True)
        [cut] = client.translate(["w " * 11 + "w"], truncate_source=True)

    assert [(each.text, each.score) for each in best.hypotheses] == [
        ("A", 0.0),
        ("A!", -1.0),
        ("A!!", -2.0),
    ]
    assert (cut.truncated, cut.num_dropped_source_tokens) == (True, 2)


def test_a_server_that_is_away_for_a_moment_is_asked_again(
    parrot: Parrot, server: str
) -> None:
    parrot.refusals = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED]

    with Client(server) as client:
        [translation] = client.translate(["a"])

    assert translation.text == "A"
    assert len(parrot.requests) == 3


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequest),
        (grpc.StatusCode.NOT_FOUND, ModelNotFound),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded),
        (grpc.StatusCode.INTERNAL, ServerFailure),
        (grpc.StatusCode.UNIMPLEMENTED, ServerFailure),
    ],
)
def test_statuses_are_errors_of_ours(
    parrot: Parrot,
    server: str,
    status: grpc.StatusCode,
    error: type[OnnxlateError],
) -> None:
    with Client(server) as client:
        parrot.refusals = [status]
        with pytest.raises(error):
            client.translate(["a"])
        parrot.refusals = [status]
        with pytest.raises(error):
            list(client.stream("a"))


def test_a_deadline_ends_the_waiting(parrot: Parrot, server: str) -> None:
    parrot.pauses_s = {"slow": 3.0}

    with Client(server) as client, pytest.raises(DeadlineExceeded, match=server):
        client.translate(["slow"], timeout_s=0.3)


def test_pieces_make_the_result(parrot: Parrot, server: str) -> None:
    with Client(server) as client:
        pieces = client.stream("a b c")
        assert list(pieces) == ["A ", "B ", "C"]
        assert pieces.result.text == "A B C"

        parrot.forgets_the_result = True
        with pytest.raises(ServerFailure, match="without a result"):
            list(client.stream("a b"))


def test_nobody_at_the_address_is_said_with_the_address() -> None:
    with Client("127.0.0.1:1") as client:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
            client.translate(["a"], timeout_s=10)
        with pytest.raises(Unavailable, match=r"within 0\.2 s"):
            client.wait_until_ready(0.2)


@pytest.mark.parametrize(
    "address", ["", "host", "host:", ":123", "host:99999", "a b:1"]
)
def test_what_is_no_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(ConfigError, match="server address"):
        Client(address)


def test_models_are_described(server: str) -> None:
    with Client(server) as client:
        [model] = client.models()

        assert (model.name, model.max_source_tokens) == ("parrot", 10)
        assert client.model("parrot") == model
        with pytest.raises(ModelNotFound):
            client.model("owl")


def test_one_string_is_not_a_list_of_texts(server: str) -> None:
    with Client(server) as client:
        with pytest.raises(InvalidRequest, match="one string"):
            client.translate("a text")
        with pytest.raises(InvalidRequest, match="one string"):
            client.start("a text")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "of type NoneType; a str"),
        (b"a", "of type bytes; a str"),
        ("\ud800", "half a surrogate"),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(
    parrot: Parrot, server: str, text: Any, words: str
) -> None:
    with Client(server) as client:
        with pytest.raises(InvalidRequest, match=rf"texts\[1\] .*{words}"):
            client.translate(["a", text])
        if not isinstance(text, bytes):  # which protobuf takes for its UTF-8
            with pytest.raises(InvalidRequest, match=rf"texts\[1\] .*{words}"):
                client.start(["a", text])
        with pytest.raises(InvalidRequest, match="model 3 cannot be meant"):
            client.start(["a"], model=3)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest, match="cannot be meant"):
            client.stream("a", model="\ud800")
        with pytest.raises(InvalidRequest, match="cannot be meant"):
            list(client.translate_many([(1, "a")], model="\ud800"))
        for ask in client.model, client.load_model, client.unload_model:
            with pytest.raises(InvalidRequest, match="cannot be meant"):
                ask("\ud800")

    assert parrot.requests == []


def test_as_long_as_it_takes_may_be_said(server: str) -> None:
    with Client(server, timeout_s=math.inf) as client:
        assert client.translate(["a"], timeout_s=1e12)[0].text == "A"
        assert client.model().name == "parrot"


def test_changes_that_a_server_does_not_allow_are_told(server: str) -> None:
    with Client(server) as client, pytest.raises(ServerFailure, match="--admin"):
        client.load_model("new")


async def test_the_asynchronous_client_is_the_same_with_await(
    parrot: Parrot, server: str
) -> None:
    texts = [f"text {i}" for i in range(200)]
    async with AsyncClient(server) as client:
        await client.wait_until_ready(10)
        translations = await client.translate(texts)
        stream = client.stream("a b")
        pieces = [piece async for piece in stream]
        [model] = await client.models()
        parrot.refusals = [grpc.StatusCode.NOT_FOUND]
        with pytest.raises(ModelNotFound):
            await client.translate(["a"])

    assert [each.text for each in translations] == [text.upper() for text in texts]
    assert (pieces, stream.result.text, model.name) == (["A ", "B"], "A B", "parrot")


def test_a_refused_text_is_named_by_its_place_in_the_callers_list(server: str) -> None:
    texts = ["fine"] * 40 + ["w " * 20]

    with Client(server) as client, pytest.raises(InvalidRequest, match=r"texts\[40\]"):
        client.translate(texts)


def test_options_that_cannot_be_meant_are_refused_unsent(
    parrot: Parrot, server: str
) -> None:
    with Client(server) as client:
        with pytest.raises(InvalidRequest, match="beam"):
            client.translate(["a"], beamsize=5)  # type: ignore[call-arg]
        with pytest.raises(InvalidRequest, match="beam_size"):
            client.translate(["a"], beam_size=-1)
        with pytest.raises(InvalidRequest, match="timeout_s"):
            client.translate(["a"], timeout_s=0)
        with pytest.raises(InvalidRequest, match="timeout_s"):
            list(client.translate_many([(1, "a")], timeout_s=math.nan))
        with pytest.raises(InvalidRequest, match="banned_phrases is one string"):
            client.translate(["a"], banned_phrases="abc")
        with pytest.raises(InvalidRequest, match=r"texts\[1\] holds half a surrogate"):
            client.translate(["a", "\ud800"])
        with pytest.raises(InvalidRequest, match="a call carries"):
            client.translate(["x" * 5_000_000])

    assert parrot.requests == []


def test_a_server_that_answers_too_little_is_at_fault(
    parrot: Parrot, server: str
) -> None:
    parrot.forgets_the_result = True

    with (
        Client(server) as client,
        pytest.raises(ServerFailure, match="1 results for 2"),
    ):
        client.translate(["a", "b"])


def test_a_stream_that_is_left_early_ends_on_the_server(
    parrot: Parrot, server: str
) -> None:
    parrot.pauses_s = {"a b c": 0.05}

    with Client(server) as client:
        with client.stream("a b c") as pieces:
            assert next(pieces) == "A "
        with pytest.raises(InvalidRequest, match="last piece"):
            _ = pieces.result
        assert client.translate(["still here"])[0].text == "STILL HERE"


def test_a_client_may_start_before_its_server(parrot: Parrot) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"

    with Client(address) as client, ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.wait_until_ready, 20)
        time.sleep(0.3)
        assert not waiting.done()
        with serving(parrot, address):
            waiting.result()
            assert client.translate(["a"])[0].text == "A"


def test_models_of_several_servers_are_not_changed_at_once() -> None:
    with (
        Client("127.0.0.1:1,127.0.0.1:2") as client,
        pytest.raises(ConfigError, match="one at a time"),
    ):
        client.load_model("new")


def test_a_closed_client_says_so_and_ends_what_is_under_way(
    parrot: Parrot, server: str
) -> None:
    parrot.pauses_s = {"slow": 1.0}
    client = Client(server)
    call = client.start(["slow"])

    client.close()

    with pytest.raises(Unavailable, match="its client closed"):
        call.result()
    with pytest.raises(Unavailable, match="is closed"):
        client.translate(["a"])
    with pytest.raises(Unavailable, match="is closed"):
        client.stream("a")
    with pytest.raises(Unavailable, match="is closed"):
        client.models()


def test_a_refused_call_takes_the_rest_of_its_list_along(
    parrot: Parrot, server: str
) -> None:
    with Client(server) as client:
        with pytest.raises(InvalidRequest):
            client.translate(["w " * 20] + ["fine"] * 10_000)

        assert len(parrot.requests) < 20
        assert client.translate(["a"])[0].text == "A"


@given(st.lists(st.text(max_size=3) | st.just("x" * (MAX_BYTES // 3)), max_size=100))
def test_batches_are_the_list_in_pieces_that_fit(texts: list[str]) -> None:
    cut = list(batches(texts))

    assert [text for batch in cut for text in batch] == texts
    for batch in cut:
        assert 1 <= len(batch) <= MAX_TEXTS
        assert sum(len(text.encode()) for text in batch) <= MAX_BYTES


def test_a_text_too_long_for_company_travels_alone() -> None:
    long = "x" * (MAX_BYTES + 1)

    assert list(batches(["a", long, "b"])) == [["a"], [long], ["b"]]
