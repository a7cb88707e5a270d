"""What is told of a call whose caller has gone."""

from contextlib import nullcontext

from onnxlate_serving.call_log import (
    CallRecord,
    Metadata,
    Observed,
    Recording,
    id_of_call,
)


class Call:
    """gRPC's context, which must not be asked what was sent once that is freed."""

    freed = False

    def peer(self) -> str:
        return "ipv4:127.0.0.1:4"

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        assert not self.freed
        return (("x-request-id", "order-66"), ("traceparent", "00-1-2-01"))


def test_what_a_caller_sent_is_read_while_it_is_there() -> None:
    heard: list[tuple[CallRecord, Metadata]] = []

    def witness(record: CallRecord, observed: Observed, metadata: Metadata) -> None:
        heard.append((record, metadata))

    call = Call()
    with Recording([witness]).of(
        "/a/b", "", call, lambda context, observed: nullcontext(observed)
    ):
        call.freed = True
        assert id_of_call(call) == "order-66"

    [(record, metadata)] = heard
    assert record.request_id == "order-66"
    assert metadata["traceparent"] == "00-1-2-01"
