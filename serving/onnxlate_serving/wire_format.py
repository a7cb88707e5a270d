"""Protobuf's wire format, for files whose messages serving has no classes of.

https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator

Fields = Iterator[tuple[int, int | memoryview]]

FIXED = {1: 8, 5: 4}
"""Bytes of the kinds of field that are always as long."""


def fields(data: memoryview) -> Fields:
    """Numbers and contents; raises IndexError or ValueError if it is no message."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        match tag & 7:
            case 0:
                value, at = varint(data, at)
                yield tag >> 3, value
            case 1 | 2 | 5 as kind:
                size, at = varint(data, at) if kind == 2 else (FIXED[kind], at)
                if size > len(data) - at:
                    raise ValueError("it ends too soon")
                yield tag >> 3, data[at : at + size]
                at += size
            case _:
                raise ValueError("no such kind of field")


def varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number has no end")


def text(data: memoryview) -> str:
    return bytes(data).decode("utf-8", "replace")


def texts(data: memoryview) -> dict[int, str]:
    """Fields that are texts, or look like some, by number; the last of several."""
    return {
        number: text(value)
        for number, value in fields(data)
        if not isinstance(value, int)
    }
