"""What is told of a call whose caller has gone."""

from contextlib import nullcontext

from onnxlate_serving.call_log import (
    INTERNAL,
    CallRecord,
    Metadata,
    Observed,
    Recording,
    failure_of_ours,
)


class Call:
    """gRPC's context, which must not be asked what was sent once that is freed."""

    freed = False

    def peer(self) -> str:
        return "ipv4:127.0.0.1:4"

    def cancelled(self) -> bool:
        return self.freed

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

    [(record, metadata)] = heard
    assert record.request_id == "order-66"
    assert metadata["traceparent"] == "00-1-2-01"


def test_a_failure_after_its_caller_has_gone_has_a_number_of_its_own() -> None:
    call = Call()
    assert failure_of_ours(ValueError(), call) == f"{INTERNAL} order-66"

    call.freed = True

    assert "order-66" not in failure_of_ours(ValueError(), call)
