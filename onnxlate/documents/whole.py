"""Files that are text all over: the server reads their structure, in parts."""

from collections.abc import Sequence
from dataclasses import dataclass

from onnxlate.answer import Format

from .document import Answer, Rebuilt, Unit, worth_translating
from .encoding import Encoding
from .parts import Part


@dataclass(frozen=True, slots=True)
class WholeText:
    """A text, a page or Markdown: parts that concatenate to the file."""

    format: Format
    encoding: Encoding
    parts: Sequence[Part]
    front: str = ""
    """What stands before them and is copied."""
    errors: str = "strict"
    """What is written for characters that the encoding does not have."""

    @property
    def units(self) -> list[Unit]:
        line = 1 + self.front.count("\n")
        found: list[Unit] = []
        for part in self.parts:
            if _is_unit(part):
                found.append(Unit(part.text, f"line {line}", line))
            line += part.text.count("\n")
        return found

    def rebuilt(self, answers: Sequence[Answer]) -> Rebuilt:
        left = iter(answers)
        texts = [
            next(left).text if _is_unit(part) else part.text for part in self.parts
        ]
        data = self.encoding.encode(self.front + "".join(texts), self.errors)
        return Rebuilt(data)


def _is_unit(part: Part) -> bool:
    return not part.copied and worth_translating(part.text)
