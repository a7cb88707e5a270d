"""Messages that cannot be parsed, kept from ending a call in the library's words."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError

from onnxlate.errors import InvalidRequest

UNREADABLE = (
    "the request is not a message of this method, or has text that is not UTF-8"
)


class Unreadable:
    """Stands for a message that could not be parsed."""


def readable(parse: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    """A parser that gives Unreadable where `parse` would raise."""
    if parse is None:
        return None

    def parsed(message: bytes) -> Any:
        try:
            return parse(message)
        except DecodeError:
            return Unreadable()

    return parsed


def refuse_unreadable(request: object) -> None:
    """Raises InvalidRequest for a message that could not be parsed."""
    if isinstance(request, Unreadable):
        raise InvalidRequest(UNREADABLE)
