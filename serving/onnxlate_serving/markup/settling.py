"""From a block's translation to the block translated, marks and all."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from onnxlate.answer import AlignmentLink, ItemKind, ProtectedItem, Segment, Span
from onnxlate.finish import FinishReason

from ..relocated import relinked, relocated
from ..translation import Translation
from .atoms import Block, Copied, Kept, Kind, Value
from .kept import found
from .placement import Misplaced, place
from .rendering import Where, Writer, Written, as_it_was, where_in_source
from .settled import Settled, copied, joined
from .words import Answer, Piece


def settled(
    block: Block, translation: Translation, inside: Mapping[Block, Settled]
) -> Settled | None:
    """None if it has no words, or if what must not be translated is not in it exactly
    once.

    `translation` is that of the block's text without the blanks at its ends; `inside`
    are the values in its marks.
    """
    answer = _answer(block, translation)
    if not answer.target.strip():
        return None
    before = len(block.shown) - len(block.shown.lstrip())
    known = [
        replace(
            item,
            source=item.source.moved(before),
            target=item.target and item.target.moved(before),
        )
        for item in translation.protected_items
    ]
    kept = found(block, answer, known)
    if kept is None:
        return None
    values = {
        atom: settled_copy(Copied(atom.raw, atom.values), inside)
        for atom in block.atoms
        if atom.values
    }
    raws = {atom: value.text for atom, value in values.items()}
    if answer.source == answer.target:
        written = as_it_was(block, raws)
    else:
        try:
            placed = place(block, answer, kept)
        except Misplaced:
            return None
        written = Writer(block, answer, raws).write(placed)
    source, marks = where_in_source(block)
    whole = _Shift(block, translation, before, source, written).settled()
    ours = [
        ProtectedItem(atom.item, span, written.marks[atom])
        for atom, span in marks.items()
        if atom.kind is Kind.KEPT
    ]
    theirs = [item for item in whole.items if item.source not in set(marks.values())]
    whole = replace(whole, items=(*theirs, *ours))
    return whole.beside(
        value.moved(marks[atom].start, written.marks[atom].start)
        for atom, value in values.items()
    )


def settled_copy(part: Copied, inside: Mapping[Block, Settled]) -> Settled:
    """Something copied, but for the values in it."""
    if part.untranslated:
        return copied(part.raw, part.untranslated)
    parts: list[Settled] = []
    at = 0
    inner: list[Value | Kept] = [*part.values, *part.kept]
    for each in sorted(inner, key=lambda each: each.start):
        parts.append(copied(part.raw[at : each.start]))
        if isinstance(each, Value):
            parts.append(inside[each.block])
            at = each.start + len(each.block.raw)
        else:
            parts.append(_kept_copy(part.raw[each.start : each.end], each.item))
            at = each.end
    return joined([*parts, copied(part.raw[at:])])


def _kept_copy(raw: str, kind: ItemKind) -> Settled:
    span = Span(0, len(raw))
    return replace(copied(raw), items=(ProtectedItem(kind, span, span),))


def _answer(block: Block, translation: Translation) -> Answer:
    """Of the whole text, blanks at its ends included."""
    source = block.shown
    words = source.strip()
    before = len(source) - len(source.lstrip())
    said = translation.hypotheses[0]
    target = source[:before] + said.text + source[before + len(words) :]
    pieces = [Piece(Span(0, before), Span(0, before), same=True)]
    for each in _segments(words, translation):
        same = each.source.of(words) == each.target.of(said.text)
        pieces.append(Piece(each.source.moved(before), each.target.moved(before), same))
    after = Span(before + len(words), len(source))
    by = len(said.text) - len(words)
    pieces.append(Piece(after, after.moved(by), same=True))
    links = [
        AlignmentLink(k.source.moved(before), k.target.moved(before), k.probability)
        for k in said.alignment
    ]
    return Answer(source, target, tuple(pieces), tuple(links))


def _segments(words: str, translation: Translation) -> Sequence[Segment]:
    """The sentences; all as one if it is not said which they are."""
    target = translation.hypotheses[0].text
    source_at = target_at = 0
    for each in translation.segments:
        if (each.source.start, each.target.start) != (source_at, target_at):
            break
        source_at, target_at = each.source.end, each.target.end
    if translation.segments and (source_at, target_at) == (len(words), len(target)):
        return translation.segments
    whole = Span(0, len(words)), Span(0, len(target))
    said = translation.hypotheses[0]
    return [Segment(*whole, True, said.finish_reason, said.score)]


class _Shift:
    """From spans of a block's words to spans of the block."""

    def __init__(
        self,
        block: Block,
        translation: Translation,
        before: int,
        source: Where,
        written: Written,
    ) -> None:
        self._block = block
        self._translation = translation
        self._before = before
        self._where = source
        self._written = written

    def settled(self) -> Settled:
        given = self._translation
        said = given.hypotheses[0]
        scores: tuple[tuple[float, int], ...] = ()
        if said.score is not None:
            scores = ((said.score, said.num_target_tokens),)
        return Settled(
            source_size=len(self._block.raw),
            text=self._written.text,
            segments=self._segments(),
            items=tuple(
                relocated(each, self._source, self._target)
                for each in given.protected_items
            ),
            terms=tuple(
                relocated(each, self._source, self._target) for each in given.terms
            ),
            warnings=tuple(
                relocated(each, self._source, self._target) for each in given.warnings
            ),
            links=relinked(said.alignment, self._source, self._target),
            tokens=tuple(
                replace(each, target=self._target(each.target)) for each in said.tokens
            ),
            attention=said.attention,
            num_source_tokens=given.num_source_tokens,
            num_dropped=given.num_dropped_source_tokens,
            num_target_tokens=said.num_target_tokens,
            unfinished=said.finish_reason is not FinishReason.EOS,
            scores=scores,
        )

    def _segments(self) -> tuple[Segment, ...]:
        """They cover the block: each goes on to where the next begins."""
        words = self._block.shown.strip()
        given = _segments(words, self._translation)
        sources = [self._source(each.source).start for each in given]
        targets = [self._target(each.target).start for each in given]
        sources = [0, *sources[1:], len(self._block.raw)]
        targets = [0, *targets[1:], len(self._written.text)]
        return tuple(
            replace(
                each,
                source=Span(sources[index], sources[index + 1]),
                target=Span(targets[index], targets[index + 1]),
            )
            for index, each in enumerate(given)
        )

    def _source(self, span: Span) -> Span:
        return self._where.raw(span.moved(self._before))

    def _target(self, span: Span) -> Span:
        return self._written.where.raw(span.moved(self._before))
