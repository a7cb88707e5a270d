"""What a stream's caller has already is not said twice, however it is cut anew."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxlate.v1 import translation_pb2 as pb
from onnxlate.v1 import translation_pb2_grpc as pb_grpc
from onnxlate_serving.ray_proxy import _Said, add_to_proxy


def response(piece: str, last: bool = False) -> bytes:
    message = pb.TranslateStreamResponse(piece=piece)
    if last:
        message.result.num_source_tokens = 1
    return message.SerializeToString()


def heard(said: _Said, pieces: list[str], last: bool) -> str:
    text = ""
    for number, piece in enumerate(pieces, 1):
        new = said.new(response(piece, last and number == len(pieces)))
        text += pb.TranslateStreamResponse.FromString(new or b"").piece
    return text


def test_a_ray_that_routes_otherwise_is_refused() -> None:
    # gRPC's own server leaves handlers as they are.
    with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError, match="this Ray"):
        add_to_proxy(pb_grpc.TranslationServiceServicer(), grpc.server(pool))


@given(st.text(max_size=30), st.lists(st.integers(0, 30)), st.integers(0, 30))
def test_it_goes_on_behind_what_was_heard(text: str, cuts: list[int], at: int) -> None:
    said = _Said()
    before = heard(said, [text[:at]], last=False)
    said.again()
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(bounds)]

    assert before + heard(said, pieces, last=True) == text


def test_a_last_message_that_was_heard_does_not_come_again() -> None:
    said = _Said()
    heard(said, ["ab", "c"], last=True)
    said.again()

    assert said.new(response("abc", last=True)) is None


@pytest.mark.parametrize("pieces", [["ab", "x"], ["ab"]])
def test_another_text_is_not_taken_for_the_same(pieces: list[str]) -> None:
    said = _Said()
    heard(said, ["a", "bcd"], last=False)
    said.again()

    with pytest.raises(ValueError, match="replica"):
        heard(said, pieces, last=True)
