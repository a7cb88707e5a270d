"""A message of a PO file: the lines in which it stands, and what to change in them."""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, takewhile

import polib

from .patches import Patch

_TRANSLATION = re.compile(r'(msgstr(?:\[(\d+)\])?)\s*"')
_FLAG = "fuzzy"


class Message:
    """An entry, and its lines from `start` on in the file."""

    def __init__(
        self, entry: polib.POEntry, lines: Sequence[str], start: int, above: int
    ) -> None:
        """`above`: how many lines of the file end before it."""
        self.entry = entry
        self._above = above
        self._lines = lines
        self._starts = list(accumulate(map(len, lines), initial=start))
        self._end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
        self._blocks = list(self._found())

    @property
    def line(self) -> int:
        """Number of that with its msgid, where editors are to go."""
        first = self._lines[: self._first("msgid")]
        return self._above + sum(line.count("\n") for line in first) + 1

    @property
    def has_translation(self) -> bool:
        plurals = self.entry.msgstr_plural
        return any(plurals.values()) if plurals else bool(self.entry.msgstr)

    @property
    def sources(self) -> list[str]:
        """What is to be translated, for each msgstr.

        Where a language has one form for any number, it is that for many.
        """
        one, many = self.entry.msgid, self.entry.msgid_plural
        if not many or len(self._blocks) == 1:
            return [many or one] * len(self._blocks)
        return [
            many if keyword != "msgstr[0]" else one for keyword, _, _ in self._blocks
        ]

    def patches(self, texts: Sequence[str], *, fuzzy: bool) -> Iterator[Patch[str]]:
        """These in its msgstr, and the mark that a person must look at them."""
        for (keyword, first, last), text in zip(self._blocks, texts, strict=True):
            old = "".join(self._lines[first:last])
            new = self._end.join(_spelled(keyword, text))
            line_end = old[len(old.rstrip("\r\n")) :]
            yield Patch(self._starts[first], self._starts[last], new + line_end)
        if fuzzy and _FLAG not in self.entry.flags:
            yield self._marked()
        elif _FLAG in self.entry.flags and not fuzzy:
            yield from self._unmarked()

    def _found(self) -> Iterator[tuple[str, int, int]]:
        """Each msgstr, with its first line and the one behind its last."""
        for first, line in enumerate(self._lines):
            if match := _TRANSLATION.match(line.strip()):
                more = takewhile(_goes_on, self._lines[first + 1 :])
                yield match[1], first, first + 1 + sum(1 for _ in more)

    def _marked(self) -> Patch[str]:
        """`#, fuzzy` where gettext's tools put it: first among the flags."""
        flags = self._first("#,")
        if flags < len(self._lines):
            at = self._starts[flags] + self._lines[flags].index("#,") + len("#,")
            return Patch(at, at, f" {_FLAG},")
        behind = min(map(self._first, ("#|", "msgctxt", "msgid")))
        at = self._starts[behind]
        return Patch(at, at, f"#, {_FLAG}{self._end}")

    def _unmarked(self) -> Iterator[Patch[str]]:
        """Without the mark, and without the old msgid that it was about."""
        for number, line in enumerate(self._lines):
            start, end = self._starts[number : number + 2]
            if line.startswith("#|"):
                yield Patch(start, end, "")
            elif line.startswith("#,"):
                flags = [flag.strip() for flag in line[len("#,") :].split(",")]
                left = ", ".join(flag for flag in flags if flag != _FLAG)
                yield Patch(start, end, f"#, {left}{self._end}" if left else "")

    def _first(self, beginning: str) -> int:
        """Number of the first such line; how many there are, if there is none."""
        return next(
            (n for n, line in enumerate(self._lines) if line.startswith(beginning)),
            len(self._lines),
        )


def _goes_on(line: str) -> bool:
    return line.strip().startswith('"')


def _spelled(keyword: str, text: str) -> list[str]:
    """The lines of a msgstr as gettext's tools would wrap them."""
    written = str(polib.POEntry(msgid="", msgstr=text)).rstrip("\n").split("\n")
    first = next(i for i, line in enumerate(written) if line.startswith("msgstr"))
    return [keyword + written[first].removeprefix("msgstr"), *written[first + 1 :]]
