"""Terms and how they are to be translated: looked up in sources, read from files.

Matches are whole words, in any case; of those that overlap the longest counts, and of
equals the one that a request brings itself.
"""

import hashlib
import logging
import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, starmap
from pathlib import Path

from onnxlate.answer import Span, Term
from onnxlate.errors import ConfigError, InvalidRequest

from .fresh import Fresh, stamp_of
from .sizes import MAX_ECHO, MAX_NAME_BYTES
from .words import joined

log = logging.getLogger(__name__)

MAX_BYTES = 16 << 20
"""Of a file; larger ones are another file."""

MAX_RECENT = 16
"""Glossaries that are remembered by their digests when their files have changed."""

MAX_CHARACTERS = 200
"""Of either side of a term."""

MAX_FORMS = 16
"""Of a target; each is looked for in every translation."""

NO_NAME = re.compile(r"[^\w.-]|^\.")


@dataclass(frozen=True, slots=True)
class Match:
    term: Term
    source: Span


class Glossary:
    """Terms by their source."""

    def __init__(self, terms: Iterable[Term]) -> None:
        self._terms = {lowered(each.source): each for each in terms}
        lengths: dict[str, set[int]] = {}
        for source in self._terms:
            lengths.setdefault(source[0], set()).add(len(source))
        self._lengths = {
            first: sorted(theirs, reverse=True) for first, theirs in lengths.items()
        }

    def __bool__(self) -> bool:
        return bool(self._terms)

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that name what is in it."""
        lines = sorted(f"{s}\t{term.target}\n" for s, term in self._terms.items())
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]

    def longest_at(self, text: str, at: int, inside: Sequence[bool]) -> Term | None:
        """The longest term that begins there and ends a word; `text` is lowered."""
        for length in self._lengths.get(text[at], ()):
            end = at + length
            if (
                end <= len(text)
                and not inside[end]
                and (term := self._terms.get(text[at:end]))
            ):
                return term
        return None


def matches(text: str, glossaries: Sequence[Glossary]) -> list[Match]:
    """Terms in the text, in order; of equally long ones that of an earlier glossary."""
    low = lowered(text)
    # Found once for all terms: of a long word, each has very many prefixes to try.
    inside = [False, *starmap(joined, pairwise(low)), False]
    found: list[Match] = []
    at = 0
    while at < len(low):
        if inside[at]:
            at += 1
            continue
        here = [t for each in glossaries if (t := each.longest_at(low, at, inside))]
        if here:
            term = max(here, key=lambda each: len(each.source))  # the first of equals
            found.append(Match(term, Span(at, at + len(term.source))))
            at += len(term.source)
        else:
            at += 1
    return found


def lowered(text: str) -> str:
    """In lower case, every character where it was."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(small if len(small := each.lower()) == 1 else each for each in text)


def cased(term: Term, target: str, source: str) -> str:
    """The target in the case in which the source says the term.

    Only where that differs from how the term is written: what is capitalised there, is
    so for a reason of its own.
    """
    if source == term.source:
        return target
    if len(source) > 1 and source.isupper() and not term.source.isupper():
        return target.upper()
    if source[0].isupper() and term.source[0].islower():
        return capitalised(target)
    return target


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def forms(term: Term) -> list[str]:
    """What a translation may say: a|b is one or the other."""
    return [form.strip() for form in term.target.split("|")]


def checked(term: Term, name: str) -> Term:
    """With no white space around it; raises InvalidRequest if it is none."""
    source = " ".join(term.source.split())
    targets = [" ".join(each.split()) for each in term.target.split("|")]
    if not source or not all(targets):
        raise InvalidRequest(f"{name} has a source or a target that is empty")
    if max(len(source), *map(len, targets)) > MAX_CHARACTERS:
        raise InvalidRequest(
            f"{name} has more than {MAX_CHARACTERS} characters on one side"
        )
    if len(targets) > MAX_FORMS:
        raise InvalidRequest(
            f"{name} has {len(targets)} forms of its target; it may have {MAX_FORMS}"
        )
    return Term(source, "|".join(targets))


def parse(text: str) -> Glossary:
    """Lines of a source, a tab and a target; blank ones and # say nothing.

    Raises ValueError with the line's number.
    """
    terms: dict[str, Term] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        source, tab, target = line.partition("\t")
        if not tab or "\t" in target:
            raise ValueError(f"line {number} is not a source, a tab and a target")
        try:
            term = checked(Term(source, target), f"line {number}")
        except InvalidRequest as cause:
            raise ValueError(str(cause)) from cause
        if lowered(term.source) in terms:
            raise ValueError(f"line {number} says {term.source!r} once more")
        terms[lowered(term.source)] = term
    return Glossary(terms.values())


class Glossaries:
    """NAME.tsv of a folder; a file that changes is read again."""

    def __init__(self, folder: Path | None) -> None:
        """Raises ConfigError if the folder or a file in it cannot be used."""
        self._folder = folder
        self._files: dict[str, Fresh[Glossary]] = {}
        self._broken: dict[str, tuple[int, ...]] = {}
        """By name, what a file was like that cannot be used."""
        self._recent: OrderedDict[str, Glossary] = OrderedDict()
        if folder is None:
            return
        if not folder.is_dir():
            raise ConfigError(f"--glossaries {folder} is not a folder")
        for path in sorted(folder.glob("*.tsv")):
            self._open(path)

    def named(self, name: str) -> tuple[str, Glossary]:
        """By NAME, or NAME@DIGEST for what was in it then; with its full name.

        Raises InvalidRequest if there is none, or another one by now.
        """
        bare, _, digest = name.partition("@")
        if bare not in self._files:
            self._look_for(bare)
        if bare not in self._files:
            known = ", ".join(sorted(self._files)) or "none"
            raise InvalidRequest(
                f"there is no glossary {bare[:MAX_ECHO]!r}; there are: {known}"
            )
        if name in self._recent:  # of a call that began before the file changed
            return name, self._recent[name]
        glossary = self._files[bare].latest()
        if digest and digest != glossary.digest:
            raise InvalidRequest(
                f"glossary {bare} is {glossary.digest} now, and not "
                f"{digest[:MAX_ECHO]}; "
                "leave the digest out to use it as it is"
            )
        full_name = f"{bare}@{glossary.digest}"
        self._recent[full_name] = glossary
        if len(self._recent) > MAX_RECENT:
            self._recent.popitem(last=False)
        return full_name, glossary

    def _look_for(self, name: str) -> None:
        """A file that came after the start."""
        if self._folder is None or NO_NAME.search(name):
            return
        path = self._folder / f"{name}.tsv"
        if len(path.name.encode()) > MAX_NAME_BYTES or not path.is_file():
            return
        stamp = stamp_of(path)
        if self._broken.get(name) == stamp:
            return
        try:
            self._open(path)
        except ConfigError as error:  # the operator's business, not the caller's
            log.warning("%s", error)
            self._broken[name] = stamp

    def _open(self, path: Path) -> None:
        def read() -> Glossary:
            if path.stat().st_size > MAX_BYTES:
                raise ValueError(f"it has more than {MAX_BYTES} bytes")
            return parse(path.read_text(encoding="utf-8"))

        self._files[path.stem] = Fresh(f"glossary {path}", [path], read)
