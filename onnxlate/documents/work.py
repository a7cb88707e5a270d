"""What is to be translated of a document, each text once, and how far that is.

It waits for nobody: exchange.py has the calls, and a client of either kind the waiting.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from onnxlate.errors import InvalidRequest
from onnxlate.finish import FinishReason
from onnxlate.messages import CallOptions, ServedModel, Translation

from .calls import Call, Calls, Outcome
from .document import Answer, Document, Remark, Unit
from .journal import Doubt, Journal, Record, key_of

UNTRANSLATED = "not translated"


@dataclass(slots=True)
class Report:
    """What became of a document."""

    units: int = 0
    """Texts that are translated on their own."""
    characters: int = 0
    """Of all these texts."""
    resumed: int = 0
    """Units that a run before this one had translated."""
    untranslated: int = 0
    """Units that stand in the output as in the input, because the server refused."""
    remarks: list[Remark] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many remarks of each kind."""
        return dict(Counter(remark.kind for remark in self.remarks))


@dataclass(frozen=True, slots=True)
class _Round:
    """Texts that are asked for in the same way."""

    texts: Counter[str]
    """And how many units say each."""
    options: CallOptions
    calls: Calls
    aligned: bool


class Work:
    def __init__(
        self,
        document: Document,
        model: ServedModel,
        options: CallOptions,
        journal: Journal,
        done: Callable[[list[str]], None] = lambda texts: None,
    ) -> None:
        """`done` hears the texts of units as they are done."""
        self._document = document
        self._units = document.units
        # The very version, so that a document is in one model's words.
        self._options: CallOptions = {**options, "model": model.full_name}
        self._options["format"] = document.format
        self._digest = model.digest
        self._journal = journal
        self._done = done
        self._resumed: set[str] = set()
        self._refused: dict[str, InvalidRequest] = {}
        self._records: dict[tuple[str, bool], Record] = {}
        """By text and whether there are links."""
        self._rounds = self._planned()
        self._round = next(self._rounds, None)

    @property
    def num_units(self) -> int:
        return len(self._units)

    def next(self, num_under_way: int) -> Call | None:
        """What to send now; None while others must be answered first, or at the end.

        Raises InvalidRequest at the end, if the server refuses every text.
        """
        while self._round:
            call = self._round.calls.next(num_under_way)
            if call or num_under_way:
                return call
            self._round = next(self._rounds, None)
        return None

    def take(self, call: Call, outcome: Outcome) -> None:
        assert self._round
        asked = self._round
        new = {
            text: _record(translation)
            for text, translation in asked.calls.take(call, outcome).items()
        }
        self._journal.add(
            (self._key(text, asked.options), record) for text, record in new.items()
        )
        self._keep(asked.texts, asked.aligned, new)

    def result(self) -> tuple[bytes, Report]:
        """When all is done."""
        units = self._units
        records = [self._found(unit) for unit in units]
        answers = [Answer(each.text, each.links) for each in records]
        rebuilt = self._document.rebuilt(answers)
        report = Report(
            units=len(units),
            characters=sum(len(unit.text) for unit in units),
            resumed=sum(unit.text in self._resumed for unit in units),
            untranslated=sum(unit.text in self._refused for unit in units),
            remarks=[
                Remark(unit.where(doubt.at), doubt.kind, doubt.details)
                for unit, record in zip(units, records, strict=True)
                for doubt in record.doubts
            ],
        )
        report.remarks += rebuilt.remarks
        return rebuilt.data, report

    def _planned(self) -> Iterator[_Round]:
        aligned = Counter(unit.text for unit in self._units if unit.aligned)
        plain = Counter(unit.text for unit in self._units if not unit.aligned)
        first = self._begun(aligned, aligned=True)
        yield first
        # Not every model can tell where it looked; its words are worth the same.
        plain.update({text: aligned[text] for text in first.calls.refused})
        second = self._begun(plain, aligned=False)
        yield second
        self._refused = second.calls.refused
        if self._refused and not self._records:
            raise next(iter(self._refused.values()))
        self._done([text for text in self._refused for _ in range(plain[text])])

    def _begun(self, texts: Counter[str], *, aligned: bool) -> _Round:
        """What the journal has is taken from there."""
        options = self._options.copy()
        if aligned:
            options["return_alignment"] = True
        known = self._known(texts, options)
        self._resumed.update(known)
        self._keep(texts, aligned, known)
        left = [text for text in texts if text not in known]
        calls = Calls(left, options, trusted=bool(known))
        return _Round(texts, options, calls, aligned)

    def _known(self, texts: Iterable[str], options: CallOptions) -> dict[str, Record]:
        if not self._journal.num_kept:
            return {}
        records = {text: self._journal.get(self._key(text, options)) for text in texts}
        return {text: record for text, record in records.items() if record}

    def _keep(
        self, texts: Counter[str], aligned: bool, records: dict[str, Record]
    ) -> None:
        self._records.update({(t, aligned): record for t, record in records.items()})
        self._done([text for text in records for _ in range(texts[text])])

    def _found(self, unit: Unit) -> Record:
        if unit.text in self._refused:
            doubt = Doubt(UNTRANSLATED, str(self._refused[unit.text]), 0)
            return Record(unit.text, doubts=(doubt,))
        linked = self._records.get((unit.text, True)) if unit.aligned else None
        return linked or self._records[unit.text, False]

    def _key(self, text: str, options: CallOptions) -> str:
        said = {name: value for name, value in options.items() if value is not None}
        said.pop("timeout_s", None)
        return key_of(text, {**said, "digest": self._digest})


def _record(translation: Translation) -> Record:
    links = translation.hypotheses[0].alignment
    return Record(translation.text, links, doubts_of(translation))


def doubts_of(translation: Translation) -> tuple[Doubt, ...]:
    """The server's warnings, and what an older server says without any."""
    doubts = [
        Doubt(each.kind.value, each.details, each.source.start)
        for each in translation.warnings
    ]
    if translation.truncated and not doubts:
        number = translation.num_dropped_source_tokens
        doubts.append(
            Doubt("truncated source", f"its last {number} tokens were not read", 0)
        )
    if translation.finish_reason is FinishReason.LENGTH and not doubts:
        doubts.append(Doubt("unfinished", "it reached its greatest length", 0))
    return tuple(doubts)
