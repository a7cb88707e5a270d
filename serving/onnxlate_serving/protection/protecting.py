"""A translator from which comes out as it went in what is not to be translated."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from onnxlate.answer import Format, TermOutcome, TermUse
from onnxlate.errors import InvalidRequest

from ..beside import done
from ..caller import ANYBODY, Caller
from ..config import RequestLimits
from ..glossary import Glossaries, Glossary, checked, matches
from ..layer import Layer
from ..options import TranslateOptions
from ..patience import patiently
from ..translation import TextPiece, Translation
from .case import Ask, Attempt, Case
from .chain import Abilities, attempts
from .items import Finder, inside_items, outside_terms, overlap

MAX_PHRASES = 1000
"""In one call; each is looked for in every text."""

NO_GLOSSARIES = Glossaries(None)

Named = Callable[[str], tuple[str, Glossary]]


@dataclass(slots=True)
class Job:
    """A text, and the ways to translate it that are left."""

    case: Case
    ways: Iterator[Attempt]
    way: Attempt
    answer: Translation | None = None

    def take(self, found: Sequence[Translation]) -> None:
        """Answers to what its way has asked for; the next way's turn if it failed."""
        self.answer = self.way.answer(found)
        if self.answer is None:
            self.way = next(self.ways)
        elif self.case.unused:
            self.answer = with_unused(self.answer, self.case.unused)


class Protecting:
    """A translator that keeps URLs, numbers, placeholders and the like.

    Ways to do so are tried one after the other, each with the texts that the one before
    has failed with, side by side.
    """

    def __init__(
        self,
        below: Layer,
        source_language: str,
        abilities: Abilities,
        limits: RequestLimits,
        named: Named = NO_GLOSSARIES.named,
    ) -> None:
        """`named` finds the glossaries that are stored."""
        self._named = named
        self._below = below
        self._finder = Finder(source_language)
        self._abilities = abilities
        self._limits = limits
        self.ways: Counter[str] = Counter()
        """How many texts with something to keep were translated in which way."""

    async def translate(
        self,
        texts: Sequence[str],
        options: TranslateOptions,
        caller: Caller = ANYBODY,
    ) -> list[Translation]:
        """As Translator's; each with a report of what was to be kept."""
        check(options.protected_phrases)
        if not 1 <= len(texts) <= self._limits.max_texts:
            return await self._below.translate(texts, options, caller)  # which refuses
        if not _wanted(options):
            return await self._below.translate(texts, options, caller)
        cases = await self._cases(texts, options)
        jobs = await done(lambda: list(map(self._job, cases)), sum(map(len, texts)))
        pending = jobs
        while pending:
            await self._try(pending, caller, admitted=pending is not jobs)
            pending = [job for job in pending if job.answer is None]
        return [job.answer for job in jobs if job.answer]

    async def stream(
        self, text: str, options: TranslateOptions, caller: Caller = ANYBODY
    ) -> AsyncGenerator[TextPiece, None]:
        """As Translator's; with something to keep, the whole at once."""
        check(options.protected_phrases)
        [case] = await self._cases([text], options)
        if case.items:
            [whole] = await self.translate([text], options, caller)
            yield TextPiece(whole.hypotheses[0].text, whole)
            return
        async with aclosing(self._below.stream(text, case.options, caller)) as pieces:
            async for piece in pieces:
                yield piece

    async def _cases(
        self, texts: Sequence[str], options: TranslateOptions
    ) -> list[Case]:
        glossaries = self._glossaries(options)
        below = replace(options, protect=False, protected_phrases=())

        def look() -> list[Case]:
            return [self._case(text, options, below, glossaries) for text in texts]

        return await done(look, sum(map(len, texts)))

    def _glossaries(self, options: TranslateOptions) -> list[Glossary]:
        """As the translator has them; raises InvalidRequest as it does."""
        own = Glossary(
            checked(term, f"terms[{index}]") for index, term in enumerate(options.terms)
        )
        stored = [self._named(options.glossary)[1]] if options.glossary else []
        return [each for each in (own, *stored) if each]

    def _case(
        self,
        text: str,
        options: TranslateOptions,
        below: TranslateOptions,
        glossaries: Sequence[Glossary],
    ) -> Case:
        """`below` are what the layer below is asked, which protects nothing."""
        phrases, kinds = options.protected_phrases, _kinds(options)
        items = self._finder.items(text, phrases, kinds) if self._fits(text) else []
        if not items:
            return Case(text, (), below)
        terms = matches(text, glossaries) if glossaries else []
        items = outside_terms(items, terms)
        unused = tuple(
            TermUse(each.term, TermOutcome.NOT_APPLICABLE, each.source)
            for each in inside_items(terms, items)
        )
        return Case(text, tuple(items), below, unused)

    def _fits(self, text: str) -> bool:
        """What does not is refused below, and costs no search."""
        most = self._limits.max_text_bytes
        return len(text) <= most and len(text.encode("utf-8", "replace")) <= most

    def _job(self, case: Case) -> Job:
        ways = attempts(case, self._abilities)
        return Job(case, ways, next(ways))

    async def _try(self, jobs: Sequence[Job], caller: Caller, admitted: bool) -> None:
        size = sum(len(job.case.text) for job in jobs)
        asked = await done(lambda: [job.way.asks() for job in jobs], size)
        together = list(chain.from_iterable(asked))
        found = iter(await self._answers(together, caller, admitted))

        def take() -> None:
            for job, asks in zip(jobs, asked, strict=True):
                job.take([next(found) for _ in asks])

        await done(take, size)
        for job in jobs:
            if job.answer and job.answer.protected_items:
                self.ways[job.way.name] += 1

    async def _answers(
        self, asks: Sequence[Ask], caller: Caller, admitted: bool
    ) -> list[Translation]:
        """In the order of `asks`; those with the same options go in one call.

        What has been `admitted`, and the rest of what has its first answers, waits for
        room: what is done already is not thrown away.
        """
        groups: dict[TranslateOptions, list[int]] = {}
        for index, ask in enumerate(asks):
            groups.setdefault(ask.options, []).append(index)
        found: dict[int, Translation] = {}
        for options, indices in groups.items():
            # The pieces of a call's texts may be more than a call may have.
            for some in batched(indices, self._limits.max_texts):
                texts = [asks[index].text for index in some]
                translate = partial(self._below.translate, texts, options, caller)
                waits = admitted or bool(found)
                answers = await (patiently(translate) if waits else translate())
                found.update(zip(some, answers, strict=True))
        return [found[index] for index in range(len(asks))]


def _kinds(options: TranslateOptions) -> bool:
    """Whether URLs, numbers and the like are kept, and not phrases alone."""
    if options.protect is None:
        return options.format is not Format.SENTENCE
    return options.protect


def _wanted(options: TranslateOptions) -> bool:
    """Whether there is anything to look for."""
    return _kinds(options) or bool(options.protected_phrases)


def with_unused(answer: Translation, unused: Sequence[TermUse]) -> Translation:
    """With a report of these terms, unless the model was given them all the same."""
    more = [
        each
        for each in unused
        if not any(overlap(each.source, one.source) for one in answer.terms)
    ]
    terms = sorted((*answer.terms, *more), key=lambda each: each.source.start)
    return replace(answer, terms=tuple(terms))


def batched(indices: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (indices[at : at + size] for at in range(0, len(indices), size))


def check(phrases: Sequence[str]) -> None:
    """Raises InvalidRequest for what cannot be looked for."""
    if len(phrases) > MAX_PHRASES:
        raise InvalidRequest(
            f"{len(phrases)} protected_phrases in one call; it takes {MAX_PHRASES}"
        )
    if any(not phrase.strip() for phrase in phrases):
        raise InvalidRequest("one of the protected_phrases is blank; leave it out")
