"""Many texts over one call, over real gRPC."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest

from onnxlate.async_client import AsyncClient
from onnxlate.bundle import Bundle
from onnxlate.client import Client
from onnxlate.errors import InvalidRequest, ModelNotFound, Unavailable
from onnxlate.messages import Translation
from onnxlate.v1 import translation_pb2 as pb
from onnxlate_serving.bulk import Bulk
from onnxlate_serving.caller import by_address
from onnxlate_serving.calls import Calls
from onnxlate_serving.config import RequestLimits, SchedulerConfig, ServerConfig
from onnxlate_serving.deployment import Deployment
from onnxlate_serving.metrics import Metrics
from onnxlate_serving.models import Models
from onnxlate_serving.service import TranslationService

from .handmade import MAX_SOURCE
from .serving import ANYWHERE, connected, engine_of, served
from .test_service import sentences
from .web import running

TOO_LONG = "one " * 2 * MAX_SOURCE


@pytest.fixture
async def address(bundle: Bundle) -> AsyncIterator[str]:
    config = ServerConfig(
        bundles=(bundle.path,), listen=ANYWHERE, limits=RequestLimits(max_texts=2)
    )
    async with served(config) as address:
        yield address


async def test_every_text_is_answered_once_with_its_number(address: str) -> None:
    texts = dict(enumerate(sentences(300), 1000))
    async with AsyncClient(address) as client:
        answers = [each async for each in client.translate_many(texts.items())]

        assert sorted(number for number, _ in answers) == list(texts)
        some = dict(answers[:20])
        for number, answer in some.items():
            assert isinstance(answer, Translation)
            [alone] = await client.translate([texts[number]])
            assert answer == alone
            assert answer.options == alone.options != {}


async def test_what_is_wrong_with_one_text_is_its_own(address: str) -> None:
    texts = [(1, "one"), (2, TOO_LONG), (3, "three"), (4, "")]
    async with AsyncClient(address) as client:
        answers = dict([each async for each in client.translate_many(texts)])

    assert isinstance(answers[2], InvalidRequest)
    assert "tokens" in str(answers[2])
    assert [isinstance(answers[n], Translation) for n in (1, 3, 4)] == [True] * 3


class Hanging:
    """gRPC's context, which must not be asked who calls once it has gone."""

    gone = False

    def peer(self) -> str:
        assert not self.gone
        return "ipv4:127.0.0.1:4"

    def invocation_metadata(self) -> tuple[()]:
        assert not self.gone
        return ()

    def time_remaining(self) -> None:
        return None


async def test_texts_of_a_call_do_not_ask_who_made_it(bundle: Bundle) -> None:
    deployment = Deployment.open(bundle.path, ServerConfig())
    await deployment.start(60)
    models, metrics = Models([deployment]), Metrics()
    service = TranslationService(models, Calls(), metrics, by_address)
    context: Any = Hanging()

    async def requests() -> AsyncIterator[pb.TranslateBatchRequest]:
        for number, text in enumerate(sentences(20)):
            yield pb.TranslateBatchRequest(id=number, text=text)
            context.gone = True

    answers = [each async for each in service.TranslateBatch(requests(), context)]
    await deployment.stop()
    assert [each.WhichOneof("outcome") for each in answers] == ["result"] * 20


async def test_options_hold_until_others_come(address: str) -> None:
    short, wrong = (
        pb.TranslateOptions(max_target_tokens=1),
        pb.TranslateOptions(beam_size=1000),
    )
    given = [None, short, None, wrong, None, pb.TranslateOptions()]
    requests = [
        pb.TranslateBatchRequest(id=n, text="one two", options=options)
        for n, options in enumerate(given)
    ]
    async with connected(address) as stub:
        answers = [each async for each in stub.TranslateBatch(iter(requests))]

    by_id = {each.id: each for each in answers}
    lengths = [by_id[n].result.hypotheses[0].num_target_tokens for n in (0, 1, 2, 5)]
    assert lengths[1] == lengths[2] == 1
    assert lengths[0] == lengths[3] > 1
    codes = [by_id[n].failure.code for n in (3, 4)]
    assert codes == [grpc.StatusCode.INVALID_ARGUMENT.value[0]] * 2
    said = [by_id[n].options.max_target_tokens for n in (0, 1, 2, 5)]
    assert said == [0, 1, 1, 0]
    assert not by_id[3].HasField("options")
    assert all(each.model == "handmade" and len(each.digest) == 16 for each in answers)


async def test_the_synchronous_client_takes_an_endless_iterator(address: str) -> None:
    num_taken = 0

    def texts() -> Iterator[tuple[int, str]]:
        nonlocal num_taken
        while True:
            num_taken += 1
            yield num_taken, "one two"

    def some() -> list[int]:
        with Client(address) as client:
            answers = client.translate_many(texts(), max_target_tokens=3)
            return [next(answers)[0] for _ in range(50)]

    numbers = await asyncio.to_thread(some)

    assert len(set(numbers)) == 50


async def test_a_failure_of_the_callers_iterator_is_the_callers(address: str) -> None:
    def texts() -> Iterator[tuple[int, str]]:
        yield 1, "one"
        raise KeyError("mine")

    def ask() -> None:
        with Client(address) as client:
            list(client.translate_many(texts()))

    with pytest.raises(KeyError, match="mine"):
        await asyncio.to_thread(ask)
    async with AsyncClient(address) as client:
        with pytest.raises(KeyError, match="mine"):
            [each async for each in client.translate_many(texts())]
        with pytest.raises(InvalidRequest, match="number -1"):
            [each async for each in client.translate_many([(-1, "x")])]
        with pytest.raises(ModelNotFound) as refused:
            [each async for each in client.translate_many([(1, "x")], model="none")]
        assert refused.value.__cause__ is not refused.value
        wrong = client.translate_many([(7, "w " * 500)])
        [(number, error)] = [each async for each in wrong]
        assert number == 7
        assert str(error).startswith("text 7 has")
        assert [each async for each in client.translate_many([])] == []


async def test_who_hangs_up_leaves_no_rows_behind(bundle: Bundle) -> None:
    config = ServerConfig(bundles=(bundle.path,), listen=ANYWHERE)
    async with running(config) as server, AsyncClient(server.address) as client:
        texts = enumerate(sentences(5000))
        answers = client.translate_many(texts, beam_size=4)
        await anext(answers)
        await answers.aclose()  # type: ignore[attr-defined]

        for _ in range(100):
            state = engine_of(server.server).state()
            if not (state.rows_in_use or state.waiting_texts):
                break
            await asyncio.sleep(0.05)
        assert (state.rows_in_use, state.waiting_texts) == (0, 0)


async def test_a_full_waiting_line_makes_a_batch_wait(bundle: Bundle) -> None:
    config = ServerConfig(
        bundles=(bundle.path,),
        listen=ANYWHERE,
        scheduler=SchedulerConfig(max_waiting=2, max_rows=16),
    )
    async with served(config) as address, AsyncClient(address) as client:
        texts = enumerate(sentences(100))
        answers = [answer async for _, answer in client.translate_many(texts)]

    assert len(answers) == 100
    assert all(isinstance(each, Translation) for each in answers)


async def test_no_more_is_read_than_there_is_room_for() -> None:
    num_read = 0

    async def messages() -> AsyncIterator[int]:
        nonlocal num_read
        for number in range(100):
            num_read += 1
            yield number

    async def answer(number: int) -> int:
        return number

    bulk = Bulk(answer, asyncio.Event(), room=5)
    responses = bulk.responses(messages())

    seen = [await anext(responses)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert num_read <= 7
    seen += [each async for each in responses]
    assert sorted(seen) == list(range(100))


async def test_a_closing_server_finishes_what_it_has_read_and_says_so() -> None:
    closing = asyncio.Event()

    async def messages() -> AsyncIterator[int]:
        yield 1
        yield 2
        await asyncio.Event().wait()  # a caller who has nothing to say for now

    async def answer(number: int) -> int:
        await asyncio.sleep(0.01)
        return number

    seen = []
    with pytest.raises(Unavailable):
        async for each in Bulk(answer, closing).responses(messages()):
            seen.append(each)
            closing.set()
    assert sorted(seen) == [1, 2]


async def test_a_closing_server_finishes_a_call_whose_texts_are_all_there() -> None:
    closing = asyncio.Event()

    async def messages() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    async def answer(number: int) -> int:
        await asyncio.sleep(0.01 * number)
        return number

    async def ask() -> list[int]:
        seen = []
        async for each in Bulk(answer, closing).responses(messages()):
            seen.append(each)
            closing.set()
        return seen

    assert await asyncio.wait_for(ask(), 5) == [0, 1, 2]
