"""How the terms of one text get into its translation.

A model that has been trained with placeholders is given one in the term's place, says
it where the term belongs (the search requires it), and the term is put in at the end:
the sentence around it stays the model's. Others, and terms for which no placeholder is
left, are searched for with the term as a demand.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from onnxlate.answer import AlignmentLink, Span, TermOutcome, TermUse
from onnxlate.errors import InvalidRequest
from onnxlate.placeholder import PLACEHOLDER, placeholders
from onnxlate.required import Terms
from onnxlate.text import Tokenizer

from .glossary import Glossary, Match, capitalised, cased, forms, matches
from .vocabulary import Vocabulary
from .words import joined, places

MAX_FOUND = 256
"""Terms in one sentence: as many as most models read tokens."""


MAX_TOKENS = 4096
"""Of all forms of the terms that one sentence is searched with: each row looks through
them at every step, in about a millisecond, in which nobody beside it goes on."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a text becomes for the model, and what its translation does afterwards."""

    text: str
    """With placeholders where terms were."""
    found: tuple[Match, ...] = ()
    slots: dict[str, int] = field(default_factory=dict)
    """By placeholder, which of those found."""
    targets: tuple[tuple[str, ...], ...] = ()
    """Of each found, what may be said for it; what fills a slot is the first."""
    begins_upper: bool = False
    moves: tuple[tuple[int, int], ...] = ()
    """Behind which characters of `text` which of the source come."""

    @property
    def spoken(self) -> list[tuple[str, ...]]:
        """Those that have no slot."""
        filled = set(self.slots.values())
        return [t for at, t in enumerate(self.targets) if at not in filled]

    def fill(self, said: str) -> "Filled":
        """Terms into the slots of what the model said, as words of their own.

        What it is for a beginning, it begins with for the whole.
        """
        if not self.slots:
            return Filled(said, {}, ())
        text, at = "", 0
        places: dict[int, Span] = {}
        moves: list[tuple[int, int]] = []
        for match in PLACEHOLDER.finditer(said):
            index = self.slots.get(match[0])
            if index is None:
                continue
            text = _spaced(text, said[at : match.start()], moves)
            target = self.targets[index][0]
            if not text and self.begins_upper:
                target = capitalised(target)
            moves.append((match.start(), len(text)))
            text = _spaced(text, target, moves)
            places[index] = Span(len(text) - len(target), len(text))
            at = match.end()
            moves.append((at, len(text)))
        return Filled(_spaced(text, said[at:], moves), places, tuple(moves))

    def links(
        self, links: Iterable[AlignmentLink], filled: "Filled"
    ) -> tuple[AlignmentLink, ...]:
        """Links between what the model read and said, as of the two texts."""
        return tuple(
            replace(
                each,
                source=_moved(each.source, self.moves),
                target=_moved(each.target, filled.moves),
            )
            for each in links
        )

    def uses(self, filled: "Filled", unread: Sequence[str] = ()) -> list[TermUse]:
        """What became of each term found; `unread` are placeholders that the model
        was not given, since the source was cut."""
        taken: set[int] = set()
        uses = []
        for index, (match, targets) in enumerate(
            zip(self.found, self.targets, strict=True)
        ):
            span = filled.places.get(index)
            if index not in self.slots.values():
                span = spoken(targets, filled.text, taken)
            outcome = TermOutcome.APPLIED if span else TermOutcome.MISSED
            if any(self.slots[each] == index for each in unread):
                outcome = TermOutcome.NOT_APPLICABLE
            uses.append(TermUse(match.term, outcome, match.source, span))
        return uses


@dataclass(frozen=True, slots=True)
class Filled:
    text: str
    places: dict[int, Span]
    """Where slots were filled, by which term found."""
    moves: tuple[tuple[int, int], ...]
    """Behind which characters of what the model said, which of the text come."""

    def moved(self, at: int) -> int:
        """Where a character of what the model said stands in the text."""
        return _place(at, self.moves)


class Terminology:
    """Makes plans for one model."""

    def __init__(
        self, source: Tokenizer, target: Tokenizer, vocabulary: Vocabulary
    ) -> None:
        self._tokenizer = target
        self._vocabulary = vocabulary
        self.source_ids, self.target_ids = map(placeholders, (source, target))
        # Those that others use for other things begin with the lowest number.
        both = [each for each in self.source_ids if each in self.target_ids]
        self._symbols = both[::-1]

    def plan(self, text: str, glossaries: Sequence[Glossary], prefix: str) -> Plan:
        """`prefix` is what the translation begins with: what it says is not said
        once more.

        Raises InvalidRequest for a text of hardly anything but terms: each is a demand
        on the search.
        """
        found = tuple(matches(text, glossaries))
        if len(found) > MAX_FOUND:
            raise InvalidRequest(
                f"terms occur {len(found)} times in one text; they may {MAX_FOUND} "
                "times: split it into sentences"
            )
        targets = tuple(
            tuple(cased(m.term, form, m.source.of(text)) for form in forms(m.term))
            for m in found
        )
        free = [each for each in self._symbols if each not in text]
        slots: dict[str, int] = {}
        moves: list[tuple[int, int]] = []
        masked, at = "", 0
        for index, match in enumerate(found):
            said = any(list(places(form, prefix)) for form in targets[index])
            if said or not free:
                continue
            symbol = free.pop(0)
            slots[symbol] = index
            masked += text[at : match.source.start]
            moves.append((len(masked), match.source.start))
            masked += symbol
            at = match.source.end
            moves.append((len(masked), at))
        return Plan(
            masked + text[at:],
            found,
            slots,
            targets,
            text.lstrip()[:1].isupper(),
            tuple(moves),
        )

    def demands(self, plan: Plan, prefix: str) -> Terms | None:
        """What the search has to say beside placeholders; raises InvalidRequest for
        what the model cannot say a token of, and for too much of it."""
        variants = tuple(
            tuple(dict.fromkeys(self._ids(form) for form in targets))
            for targets in plan.spoken
            if not any(list(places(form, prefix)) for form in targets)
        )
        num_tokens = sum(len(ids) for forms in variants for ids in forms)
        if num_tokens > MAX_TOKENS:
            raise InvalidRequest(
                f"the terms in one text have {num_tokens} tokens with all their forms; "
                f"they may have {MAX_TOKENS}: split it into sentences, or give fewer "
                "forms"
            )
        return Terms(variants, self._vocabulary.joining) if variants else None

    def _ids(self, words: str) -> tuple[int, ...]:
        ids = tuple(self._tokenizer.encode(words)[:-1])
        if not ids:  # of characters without a width, for one
            raise InvalidRequest(
                f"a term's target is {words!r}, of which this model reads nothing: "
                "leave the term out"
            )
        return ids


def _spaced(text: str, more: str, moves: list[tuple[int, int]]) -> str:
    """The text with more behind it, and a space between if both were one word; the
    latest move is where that begins."""
    if text and more and moves and joined(text[-1], more[0]):
        text += " "
        moves[-1] = moves[-1][0], len(text)
    return text + more


def _place(at: int, moves: Sequence[tuple[int, int]]) -> int:
    by = 0
    for before, after in moves:
        if before <= at:
            by = after - before
    return at + by


def _moved(span: Span, moves: Sequence[tuple[int, int]]) -> Span:
    return Span(_place(span.start, moves), _place(span.end, moves))


def spoken(targets: Sequence[str], text: str, taken: set[int]) -> Span | None:
    """The first place of one of them that is nobody else's."""
    for target in targets:
        for form in (target, capitalised(target)):
            for at in places(form, text):
                if at not in taken:
                    taken.add(at)
                    return Span(at, at + len(form))
    return None
