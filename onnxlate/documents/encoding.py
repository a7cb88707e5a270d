"""Bytes as text and back: UTF-8, with or without its mark, or what a file declares."""

import codecs
from dataclasses import dataclass

from onnxlate.errors import DocumentError

_MARK = codecs.BOM_UTF8
_OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file's bytes say its characters."""

    name: str = "utf-8"
    mark: bytes = b""

    def encode(self, text: str, errors: str = "strict") -> bytes:
        try:
            return self.mark + text.encode(self.name, errors)
        except UnicodeEncodeError as cause:
            character = text[cause.start]
            raise DocumentError(
                f"the file is in {self.name}, which has no {character!r} "
                f"(U+{ord(character):04X}); convert it to UTF-8, and translate that"
            ) from cause


def decoded(data: bytes, declared: str | None = None) -> tuple[str, Encoding]:
    """The text; raises DocumentError where bytes are not what they should be."""
    for mark, name in _OTHER_MARKS.items():
        if data.startswith(mark):
            raise DocumentError(
                f"it is in {name}, and UTF-8 is wanted; `iconv -f {name} -t UTF-8` "
                "converts it"
            )
    if data.startswith(_MARK):
        encoding = Encoding("utf-8", _MARK)
    else:
        encoding = Encoding(_known(declared) if declared else "utf-8")
    body = data[len(encoding.mark) :]
    try:
        return body.decode(encoding.name), encoding
    except UnicodeDecodeError as cause:
        line = body.count(b"\n", 0, cause.start) + 1
        raise DocumentError(
            f"line {line} has the byte 0x{body[cause.start]:02X}, which is not "
            f"{encoding.name.upper()}; if it is another encoding, "
            "`iconv -f ENCODING -t UTF-8` converts it"
        ) from cause


def _known(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError as cause:
        raise DocumentError(f"it declares an unknown encoding, {name!r}") from cause
