"""One model as its callers see it: text in, text out."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import chain

from onnxlate.answer import Span, Term, TermUse, Token
from onnxlate.bundle import Bundle, Manifest
from onnxlate.errors import BundleError, InvalidRequest, SourceTooLong
from onnxlate.placeholder import count_placeholders
from onnxlate.search import FinishReason, Hypothesis, SearchOptions
from onnxlate.text import Detokenizer, Tokenizer

from .beside import SHORT, done
from .caller import ANYBODY, Caller
from .config import RequestLimits
from .coverage import Coverage
from .crew import Crew
from .explanation import Answered, Explainer
from .glossary import Glossaries, Glossary, checked
from .looking import Looking
from .options import REMEMBERED, Demands, TranslateOptions
from .patience import patiently
from .request import Request
from .result_cache import Answer, Question, ResultCache
from .sizes import check_number, check_size
from .strays import Strays
from .terminology import Plan, Terminology
from .translation import TextPiece, TranslatedHypothesis, Translation
from .vocabulary import Vocabulary
from .wording import Apart, Ban, Prefix

NO_GLOSSARIES = Glossaries(None)

LOOKED_UP = 1000
"""Characters of a call that are read in a crowd too, in case its answers are known."""

MANY = 8 * SHORT
"""Characters that are made tokens in less than ten milliseconds."""

READY = 32
"""Terms, bans and prefixes of the latest requests that are kept ready: some hundred
kilobytes each."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What one call asks for, made ready for this model."""

    options: TranslateOptions
    glossaries: tuple[Glossary, ...] = ()
    prefix: Prefix | None = None
    ban: Ban | None = None

    @property
    def begins_with(self) -> str:
        return self.prefix.text if self.prefix else ""


@dataclass(frozen=True, slots=True)
class Source:
    """A text as the model reads it; no ids for a blank one."""

    ids: tuple[int, ...]
    plan: Plan
    num_dropped: int = 0


class Translator:
    """Reads texts, has engines decode them, and writes the answers."""

    def __init__(
        self,
        bundle: Bundle,
        crew: Crew,
        limits: RequestLimits,
        max_cached: int = 0,
        glossaries: Glossaries = NO_GLOSSARIES,
        looking: Looking | None = None,
    ) -> None:
        """`max_cached` is how many answers it remembers; without `looking` it cannot
        say which words they come from.

        Raises BundleError if a tokenizer is another model's.
        """
        self.manifest: Manifest = bundle.manifest
        self._crew = crew
        self._limits = limits
        self._cache = ResultCache(max_cached)
        self._glossaries = glossaries
        self._source_tokenizer = Tokenizer(
            bundle.source_tokenizer, bundle.manifest.source_prefix
        )
        joint = bundle.target_tokenizer == bundle.source_tokenizer
        self._target_tokenizer = (
            self._source_tokenizer.without_prefix()
            if joint
            else Tokenizer(bundle.target_tokenizer)
        )
        model = bundle.manifest.model
        for side, tokenizer, size in (
            ("source", self._source_tokenizer, model.source_vocabulary),
            ("target", self._target_tokenizer, model.target_vocabulary),
        ):
            if len(tokenizer) != size:
                raise BundleError(
                    f"{bundle.path}: the {side} tokenizer has {len(tokenizer)} tokens "
                    f"and the model {size}; they are not of one bundle"
                )
        self._vocabulary = Vocabulary(self._target_tokenizer)
        self._terminology = Terminology(
            self._source_tokenizer, self._target_tokenizer, self._vocabulary
        )
        self._strays = Strays(
            self._terminology.source_ids,
            self._terminology.target_ids,
            self._vocabulary,
        )
        # A text of many sentences asks the same of each, and so do many calls.
        self._simple = lru_cache(REMEMBERED)(self._wishes_of)
        self._search = lru_cache(REMEMBERED)(self._search_of)
        vocabulary, target = self._vocabulary, self._target_tokenizer
        self._own = lru_cache(READY)(glossary_of)
        self._ban = lru_cache(READY)(lambda phrases: Ban.of(phrases, vocabulary))
        self._prefix = lru_cache(READY)(
            lambda text: Prefix.of(text, target, vocabulary)
        )
        self._explainer = looking and Explainer(
            looking, model, self._source_tokenizer, self._target_tokenizer
        )
        self._coverage = looking and Coverage(
            looking, len(bundle.manifest.source_prefix)
        )

    @property
    def source_tokenizer(self) -> Tokenizer:
        return self._source_tokenizer

    @property
    def num_remembered(self) -> int:
        """Answers that were not decoded, since they were known."""
        return self._cache.num_found

    @property
    def num_placeholders(self) -> int:
        """Symbols that the model knows, for what is not to be translated."""
        tokenizers = (self._source_tokenizer, self._target_tokenizer)
        return min(map(count_placeholders, tokenizers))

    async def translate(
        self,
        texts: Sequence[str],
        options: TranslateOptions,
        caller: Caller = ANYBODY,
    ) -> list[Translation]:
        """One translation per text, in order; decoded side by side.

        Raises InvalidRequest, SourceTooLong, Overloaded, DeadlineExceeded,
        Unavailable, ServerFailure.
        """
        check_number(texts, self._limits)
        wishes = self._wishes(options)
        self.check_room(texts, caller)
        named = {f"texts[{index}]": text for index, text in enumerate(texts)}
        sources = await self._sources(named, wishes)
        questions = [self._questions(each, wishes) for each in sources]
        answers = await self._answers(
            dict.fromkeys(each for several in questions for each in several), caller
        )
        answered = [
            (source, [answers[each] for each in several])
            for source, several in zip(sources, questions, strict=True)
        ]
        return await self._whole(answered, wishes)

    async def stream(
        self, text: str, options: TranslateOptions, caller: Caller = ANYBODY
    ) -> AsyncGenerator[TextPiece, None]:
        """The translation as it is decided; its pieces concatenate to the whole.

        Raises as `translate` does. Closing the generator frees the rows.
        """
        wishes = self._wishes(options)
        self.check_room([text], caller)
        [source] = await self._sources({"text": text}, wishes)
        questions = self._questions(source, wishes)
        if not questions:
            yield TextPiece("", self._write(source, [], wishes))
            return
        first, *further = questions
        if answer := self._cache.get(first):
            others = await self._answers(further, caller)
            answers = [answer, *(others[each] for each in further)]
            [result] = await self._whole([(source, answers)], wishes)
            yield TextPiece(result.hypotheses[0].text, result)
            return
        requests = [
            Request(each.source_ids, each.options, streamed=each is first)
            for each in questions
        ]
        detokenizer = Detokenizer(self._target_tokenizer)
        said = ""
        told: list[int] = []
        strays, strayed = self._strays.of(first), False
        with self._crew.decoding(requests, caller) as (outbox, *outboxes):
            while True:
                piece = await outbox.get()
                if piece.hypotheses:
                    break
                strayed = strayed or not strays.isdisjoint(piece.tokens)
                if strayed:  # the rest is another one
                    continue
                told += piece.tokens
                if new := detokenizer.add(piece.tokens):
                    yield TextPiece(_further(source.plan, said, new))
                    said += new
            answers = [piece.hypotheses, *[await each.outcome() for each in outboxes]]
        found = dict(zip(questions, answers, strict=True))
        found = await self._unstrayed(found, caller, told)
        answers = [
            await self._kept(question, answer) for question, answer in found.items()
        ]
        [result] = await self._whole([(source, answers)], wishes)
        # It begins with what was said, whichever hypothesis it is.
        already = len(source.plan.fill(said).text)
        yield TextPiece(result.hypotheses[0].text[already:], result)

    async def _whole(
        self, answered: Sequence[tuple[Source, Sequence[Answer]]], wishes: Wishes
    ) -> list[Translation]:
        """Answers of one call with all that was asked for."""
        if wishes.options.covering(self.manifest.defaults):
            wanted = wishes.options.num_hypotheses or 1
            answered = [
                (source, [each[:wanted] for each in several])
                for source, several in answered
            ]
        written = [self._write(source, each, wishes) for source, each in answered]
        if not (self._explainer and explained(wishes.options)):
            return written
        # All at once, since what a message holds is for all of them.
        looked = [
            Answered(source.plan.text, source.ids, tuple(chain(*each)), translation)
            for (source, each), translation in zip(answered, written, strict=True)
        ]
        wholes = await self._explainer.explain(looked, wishes.options)
        return [
            self._relinked(source.plan, each.outcome, whole)
            for (source, _), each, whole in zip(answered, looked, wholes, strict=True)
        ]

    async def _kept(self, question: Question, answer: Answer) -> Answer:
        """Remembered, in the order of what hypotheses cover, too, if that is wanted."""
        if question.coverage_penalty:
            assert self._coverage
            answer = await self._coverage.ranked(
                question.source_ids, answer, question.coverage_penalty
            )
        self._cache.put(question, answer)
        return answer

    def _relinked(
        self, plan: Plan, outcome: Sequence[Hypothesis], whole: Translation
    ) -> Translation:
        """With links as of the texts that have terms in place of placeholders."""
        if not (plan.slots and outcome):
            return whole
        said = (self._target_tokenizer.decode(each.tokens) for each in outcome)
        hypotheses = tuple(
            replace(each, alignment=plan.links(each.alignment, plan.fill(words)))
            for each, words in zip(whole.hypotheses, said, strict=True)
        )
        return replace(whole, hypotheses=hypotheses)

    async def _answers(
        self, questions: Iterable[Question], caller: Caller
    ) -> dict[Question, Answer]:
        """Remembers what it can, and has the rest decoded, so many at once as there
        are texts in a call: several draws of each would be very many."""
        answers: dict[Question, Answer] = {}
        unknown = []
        for question in questions:
            answer = self._cache.get(question)
            if answer is None:
                unknown.append(question)
            else:
                answers[question] = answer
        size = self._limits.max_texts
        for at in range(0, len(unknown), size):
            some = unknown[at : at + size]
            ask = partial(self._decoded, some, caller)
            # A call that was let in waits for room with the rest of it.
            answers |= await (patiently(ask) if at else ask())
        return answers

    async def _decoded(
        self, questions: Sequence[Question], caller: Caller
    ) -> dict[Question, Answer]:
        """Side by side."""
        answers = await self._searched(questions, caller)
        answers = await self._unstrayed(answers, caller)
        return {
            question: await self._kept(question, answer)
            for question, answer in answers.items()
        }

    async def _searched(
        self, questions: Sequence[Question], caller: Caller
    ) -> dict[Question, Answer]:
        requests = [Request(each.source_ids, each.options) for each in questions]
        with self._crew.decoding(requests, caller) as outboxes:
            found = [await outbox.outcome() for outbox in outboxes]
        return dict(zip(questions, found, strict=True))

    async def _unstrayed(
        self,
        answers: Mapping[Question, Answer],
        caller: Caller,
        told: Sequence[int] = (),
    ) -> dict[Question, Answer]:
        """With other answers in place of those with strays; of the first, so much was
        `told` already."""
        again = {
            question: other
            for at, (question, answer) in enumerate(answers.items())
            if (other := self._strays.asked_again(question, answer, () if at else told))
        }
        if not again:
            return dict(answers)
        found = await patiently(partial(self._searched, list(again.values()), caller))
        return {**answers, **{each: found[other] for each, other in again.items()}}

    def check_room(self, texts: Sequence[str], caller: Caller) -> None:
        """Refuses before it reads anything, unless it may know the answers; raises
        Overloaded.

        To find that out takes tokens, and those of long texts take too long.
        """
        if len(self._cache) and sum(map(len, texts)) <= LOOKED_UP:
            return
        self._crew.check_room(caller)

    def in_effect(self, options: TranslateOptions) -> TranslateOptions:
        """The options with what was left unsaid; raises InvalidRequest as always."""
        defaults = self.manifest.defaults
        self._check(options)
        name = options.glossary
        return options.in_effect(
            defaults, self._glossaries.named(name)[0] if name else ""
        )

    def _check(self, options: TranslateOptions) -> None:
        options.check(self.manifest.defaults, self.manifest.limits, self._limits)
        looks = explained(options) or options.coverage_penalty
        if looks and not self._explainer:
            raise InvalidRequest(
                f"{self.manifest.full_name} cannot tell where it looked: its bundle "
                "has no attention graph; export it again with this version, or leave "
                "out return_alignment, return_attention and coverage_penalty"
            )

    def _wishes(self, options: TranslateOptions) -> Wishes:
        """Raises InvalidRequest for what cannot be."""
        # A glossary may be another one by now, and the rest is large: that is kept
        # ready by itself, and only so much of it.
        large = options.terms or options.target_prefix or options.banned_phrases
        if options.glossary or large:
            return self._wishes_of(options)
        return self._simple(options)

    def _wishes_of(self, options: TranslateOptions) -> Wishes:
        self._check(options)
        own, prefix = self._own(options.terms), options.target_prefix
        stored = None
        if options.glossary:
            _, stored = self._glossaries.named(options.glossary)
        ban = self._ban(options.banned_phrases) if options.banned_phrases else None
        if prefix and ban and (phrase := ban.found_in(prefix)):
            raise InvalidRequest(
                f"target_prefix {prefix!r} has the banned phrase {phrase!r} in it; "
                "leave one of them out"
            )
        return Wishes(
            options,
            glossaries=tuple(each for each in (own, stored) if each),
            prefix=self._prefix(prefix) if prefix else None,
            ban=ban,
        )

    async def _sources(self, texts: Mapping[str, str], wishes: Wishes) -> list[Source]:
        """By what they are called; raises InvalidRequest and SourceTooLong."""

        def read() -> list[Source]:
            return [self._read(text, name, wishes) for name, text in texts.items()]

        short = SHORT if wishes.glossaries else MANY
        return await done(read, sum(map(len, texts.values())), short)

    def _read(self, text: str, name: str, wishes: Wishes) -> Source:
        check_size(text, name, self._limits, "into sentences")
        plan = Plan(text)
        if wishes.glossaries:
            plan = self._terminology.plan(text, wishes.glossaries, wishes.begins_with)
        ids = self._source_tokenizer.encode(plan.text) if text.strip() else []
        limit = self.manifest.limits.max_source_tokens
        dropped = max(0, len(ids) - limit)
        if dropped and not wishes.options.truncate_source:
            raise SourceTooLong(
                f"{name} has {len(ids)} tokens; the model reads {limit}: split it "
                "into sentences, or set truncate_source to have its end cut off"
            )
        if dropped:
            # The end of sentence stays: the model has seen none without.
            ids = [*ids[: limit - 1], ids[-1]]
        return Source(tuple(ids), plan, dropped)

    def _questions(self, source: Source, wishes: Wishes) -> list[Question]:
        """One for each draw; none of a blank text, which has an answer already."""
        if not source.ids:
            return []
        options, num_tokens = wishes.options, len(source.ids)
        penalty = options.covering(self.manifest.defaults)
        if not (source.plan.found or wishes.prefix or wishes.ban or options.sampling):
            return [Question(source.ids, self._search(options, num_tokens), penalty)]
        demands = self._demands(source, wishes)
        return [
            Question(
                source.ids,
                self._search_of(options, num_tokens, demands, draw),
                penalty,
            )
            for draw in range(options.num_draws)
        ]

    def _search_of(
        self,
        options: TranslateOptions,
        num_source_tokens: int,
        demands: Demands | None = None,
        draw: int = 0,
    ) -> SearchOptions:
        manifest = self.manifest
        return options.search(
            *(manifest.defaults, manifest.limits, num_source_tokens),
            *(demands, draw, manifest.target_prefix),
        )

    def _demands(self, source: Source, wishes: Wishes) -> Demands:
        terminology, plan = self._terminology, source.plan
        required = tuple(
            terminology.target_ids[each]
            for each in plan.slots
            if terminology.source_ids[each] in source.ids
        )
        apart = Apart(required, self._vocabulary) if required else None
        rules = (each for each in (wishes.prefix, wishes.ban, apart) if each)
        terms = terminology.demands(plan, wishes.begins_with)
        return Demands(
            required=tuple((each,) for each in required),
            terms=terms,
            rules=tuple(rules),
            num_tokens=(wishes.prefix.num_tokens if wishes.prefix else 0)
            + (terms.num_tokens if terms else 0),
        )

    def _write(
        self, source: Source, answers: Sequence[Answer], wishes: Wishes
    ) -> Translation:
        """`answers` are as many as questions; without any, the text was blank."""
        outcome = [each for answer in answers for each in answer]
        hypotheses = tuple(self._hypothesis(source, h, wishes) for h in outcome)
        if not outcome:
            hypotheses = (blank(wishes.options),) * wishes.options.num_draws
        return Translation(
            hypotheses,
            len(source.ids),
            source.num_dropped,
            terms=self._uses(source, outcome) if source.plan.found else (),
        )

    def _uses(
        self, source: Source, outcome: Sequence[Hypothesis]
    ) -> tuple[TermUse, ...]:
        """What became of terms in the best answer."""
        unread = [
            each
            for each in source.plan.slots
            if self._terminology.source_ids[each] not in source.ids
        ]
        said = self._target_tokenizer.decode(outcome[0].tokens) if outcome else ""
        return tuple(source.plan.uses(source.plan.fill(said), unread))

    def _hypothesis(
        self, source: Source, found: Hypothesis, wishes: Wishes
    ) -> TranslatedHypothesis:
        said = self._target_tokenizer.decode(found.tokens)
        options = wishes.options
        return TranslatedHypothesis(
            text=source.plan.fill(said).text if source.plan.slots else said,
            finish_reason=found.finish_reason,
            score=found.score if options.return_scores else None,
            num_target_tokens=len(found.tokens)
            + (found.finish_reason is FinishReason.EOS),
            tokens=self._tokens(source.plan, said, found)
            if options.return_tokens
            else (),
        )

    def _tokens(self, plan: Plan, said: str, found: Hypothesis) -> tuple[Token, ...]:
        """Each with the part of the text that it stands for."""
        filled = plan.fill(said)
        ids = found.tokens
        if found.finish_reason is FinishReason.EOS:
            ids = (*ids, self.manifest.special_ids.eos)
        _, spans = self._target_tokenizer.decode_with_spans(ids)
        return tuple(
            Token(
                self._target_tokenizer.piece(token),
                log_prob,
                Span(filled.moved(span.start), filled.moved(span.end)),
            )
            for token, log_prob, span in zip(
                ids, found.token_log_probs, parted(spans), strict=True
            )
        )


def parted(spans: Sequence[Span]) -> list[Span]:
    """Of tokens that share a character, the last one stands for it."""
    following = [*spans[1:], None]
    return [
        Span(each.start, each.start) if each == after else each
        for each, after in zip(spans, following, strict=True)
    ]


def _further(plan: Plan, said: str, new: str) -> str:
    """What is new of the text when the model says more."""
    return plan.fill(said + new).text[len(plan.fill(said).text) :]


def glossary_of(terms: Sequence[Term]) -> Glossary:
    """Those that a request brings itself; raises InvalidRequest."""
    return Glossary(
        checked(term, f"terms[{index}]") for index, term in enumerate(terms)
    )


def explained(options: TranslateOptions) -> bool:
    """Whether somebody wants to know where an answer comes from."""
    return options.return_alignment or options.return_attention


def blank(options: TranslateOptions) -> TranslatedHypothesis:
    """What a blank text comes to, with no model asked: certainly nothing."""
    score = 0.0 if options.return_scores else None
    return TranslatedHypothesis("", FinishReason.EOS, score, 0)
