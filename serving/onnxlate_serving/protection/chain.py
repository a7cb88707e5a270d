"""In which order ways are tried to have everything kept."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from onnxlate.answer import ItemKind

from ..options import TranslateOptions
from .apart import Apart, Setter
from .brackets import Asides, set_aside
from .case import Attempt, Case
from .disguise import disguised
from .frame import framed, in_frame
from .pieces import InPieces, pieces_of
from .plain import AsItIs, Copied
from .symbols import WithSymbols
from .verbatim import MAX_SIZE, Verbatim

WIDE_BEAM = 8
"""Hypotheses that are looked through where the best has lost something."""

LOST = "with these options, no translation was found that has it exactly once"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a model and its server can do."""

    num_symbols: int
    beam_size: int
    """By default."""
    max_beam_size: int
    length_penalty: float = 1.0
    """By default."""


def attempts(case: Case, can: Abilities) -> Iterator[Attempt]:
    """The next is wanted only where the one before has failed; the last cannot."""
    if not case.items:
        yield AsItIs(case)
    elif case.only_items:
        yield Copied(case)
    elif frame := framed(case):
        core, to_source = frame.core_case()
        prefix = case.options.target_prefix or ""
        for attempt in attempts(core, can):
            around = partial(in_frame, frame)
            yield Apart(attempt, to_source, frame.items, around, prefix)
        if prefix:  # what is copied may have come into it
            yield from _within(case, can)
    else:
        yield from _within(case, can)


def _within(case: Case, can: Abilities) -> Iterator[Attempt]:
    """As `attempts`, of a sentence with items in it."""
    asides = set_aside(case)
    if asides:
        yield from _without(asides, asides.where_they_were, can)
    yield from _fluent(case, can)
    if asides:
        yield from _without(asides, asides.at_the_end, can)
    yield from _in_pieces(case, can)
    yield from _partly(case, can)


def _without(asides: Asides, setter: Setter, can: Abilities) -> Iterator[Attempt]:
    prefix = asides.case.options.target_prefix or ""
    for attempt in _fluent(asides.rest, can):
        yield Apart(attempt, asides.to_source, asides.items, setter, prefix)


def _fluent(case: Case, can: Abilities) -> Iterator[Attempt]:
    """Ways in which the model sees the whole sentence."""
    if not case.items:
        yield AsItIs(case)
        return
    wide = _wide(case.options, can)
    disguise = disguised(case, can.num_symbols)
    if not disguise or all(item.kind is ItemKind.NUMBER for item in case.items):
        # Numbers decide about the words around them: 1 Monat, 2 Monate, im Jahr 2024.
        yield from _verbatim(case, None if disguise else wide)
    if disguise:
        yield WithSymbols(disguise, case.options, "symbols")
        if wide:
            yield WithSymbols(disguise, wide, "symbols, wider beam")


def _verbatim(case: Case, wide: TranslateOptions | None) -> Iterator[Attempt]:
    if any(len(item.text) > MAX_SIZE for item in case.items):
        return
    yield Verbatim(case, case.options, "verbatim")
    if wide:
        yield Verbatim(case, wide, "verbatim, wider beam")


def _in_pieces(case: Case, can: Abilities) -> Iterator[Attempt]:
    pieces = pieces_of(case)
    first = next(each for each in pieces if not each.span.of(case.text).isspace())
    # A prefix in front of a copied item would be more than the caller said.
    if not case.options.target_prefix or not first.copied:
        penalty = case.options.length_penalty
        if penalty is None:
            penalty = can.length_penalty
        yield InPieces(case, pieces, penalty)


def _partly(case: Case, can: Abilities) -> Iterator[Attempt]:
    """Where the options leave no room for the items."""
    if disguise := disguised(case, can.num_symbols):
        yield WithSymbols(disguise, case.options, "lost", LOST)
    else:
        yield Verbatim(case, case.options, "lost", LOST)


def _wide(options: TranslateOptions, can: Abilities) -> TranslateOptions | None:
    """None where there is no search to widen."""
    beam = max(options.beam_size or can.beam_size, WIDE_BEAM)
    beam = min(beam, can.max_beam_size)
    if options.sampling or (options.num_hypotheses or 1) >= beam:
        return None
    return replace(options, beam_size=beam, num_hypotheses=beam)
