"""Three hundred fragments through a server with the model that is installed."""

from onnxlate.v1 import translation_pb2 as pb
from onnxlate_serving.config import ServerConfig

from ..serving import connected, served
from .fragments import fragments
from .judge import tags, without_values

CALLS = 6


async def test_three_hundred_fragments_keep_their_tags() -> None:
    texts = fragments()
    answers: list[pb.Result] = []
    options = pb.TranslateOptions(format=pb.FORMAT_HTML, beam_size=1)
    async with served(ServerConfig()) as address, connected(address) as stub:
        for first in range(CALLS):
            request = pb.TranslateRequest(texts=texts[first::CALLS], options=options)
            answers += (await stub.Translate(request)).results
    texts = [text for first in range(CALLS) for text in texts[first::CALLS]]
    assert len(set(texts)) > 290
    changed = 0
    for text, answer in zip(texts, answers, strict=True):
        said = answer.hypotheses[0].text
        assert without_values(tags(said)) == without_values(tags(text)), (text, said)
        assert _all_of(text, [each.source for each in answer.segments])
        assert _all_of(said, [each.target for each in answer.segments])
        for item in answer.protected_items:
            assert item.kept
            source = text[item.source.start : item.source.end]
            assert said[item.target.start : item.target.end] == source
        changed += said != text
    assert changed > 270


def _all_of(text: str, spans: list[pb.Span]) -> bool:
    return "".join(text[each.start : each.end] for each in spans) == text
