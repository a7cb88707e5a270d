"""A document through a server: its units translated once each, and laid back."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from onnxlate.client import Client
from onnxlate.errors import InvalidRequest
from onnxlate.finish import FinishReason
from onnxlate.messages import CallOptions, ServedModel, Translation

from .calls import answered
from .document import Answer, Document, Remark, Unit
from .journal import Doubt, Journal, Record, key_of

UNTRANSLATED = "not translated"

ENOUGH_REFUSALS = 3
"""As many texts refused for one reason, and none taken: it is not the texts."""

_OF_LENGTH = re.compile(r"\b(long|bytes|tokens|characters)\b")
"""Words of a reason that another text need not have."""


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


def translate_document(
    client: Client,
    document: Document,
    model: ServedModel,
    options: CallOptions,
    journal: Journal,
    done: Callable[[list[str]], None] = lambda texts: None,
) -> tuple[bytes, Report]:
    """The document in the model's target language; `done` hears the texts of units
    as they are done.

    Raises what the client raises. What came before that is in the journal.
    """
    # The very version, so that a document is in one model's words.
    pinned: CallOptions = {**options, "model": model.full_name}
    pinned["format"] = document.format
    run = _Run(client, model.digest, pinned, journal, done)
    units = document.units
    run.translate(units)
    records = [run.record(unit) for unit in units]
    rebuilt = document.rebuilt([Answer(each.text, each.links) for each in records])
    report = Report(
        units=len(units),
        characters=sum(len(unit.text) for unit in units),
        resumed=sum(unit.text in run.resumed for unit in units),
        untranslated=sum(unit.text in run.refused for unit in units),
        remarks=[
            Remark(unit.where(doubt.at), doubt.kind, doubt.details)
            for unit, record in zip(units, records, strict=True)
            for doubt in record.doubts
        ],
    )
    report.remarks += rebuilt.remarks
    return rebuilt.data, report


class _Run:
    def __init__(
        self,
        client: Client,
        digest: str,
        options: CallOptions,
        journal: Journal,
        done: Callable[[list[str]], None],
    ) -> None:
        self.resumed: set[str] = set()
        self.refused: dict[str, InvalidRequest] = {}
        self._client = client
        self._digest = digest
        self._options = options
        self._journal = journal
        self._done = done
        self._records: dict[tuple[str, bool], Record] = {}
        """By text and whether there are links."""

    def record(self, unit: Unit) -> Record:
        if unit.text in self.refused:
            doubt = Doubt(UNTRANSLATED, str(self.refused[unit.text]), 0)
            return Record(unit.text, doubts=(doubt,))
        linked = self._records.get((unit.text, True)) if unit.aligned else None
        return linked or self._records[unit.text, False]

    def translate(self, units: Sequence[Unit]) -> None:
        """Each text once, however many units say it."""
        aligned = Counter(unit.text for unit in units if unit.aligned)
        plain = Counter(unit.text for unit in units if not unit.aligned)
        # Not every model can tell where it looked; its words are worth the same.
        refused = self._ask(aligned, aligned=True)
        plain.update({text: aligned[text] for text in refused})
        self.refused = self._ask(plain, aligned=False)
        if self.refused and not self._records:
            raise next(iter(self.refused.values()))
        self._done([text for text in self.refused for _ in range(plain[text])])

    def _ask(self, texts: Counter[str], *, aligned: bool) -> dict[str, InvalidRequest]:
        """Makes records of them; says which were refused."""
        options = self._options.copy()
        if aligned:
            options["return_alignment"] = True
        keys = {text: self._key(text, options) for text in texts}
        taken: dict[str, Record] = {}
        for text, key in keys.items():
            if record := self._journal.get(key):
                taken[text] = record
                self.resumed.add(text)
                self._done([text] * texts[text])
        refused: dict[str, InvalidRequest] = {}
        left = [text for text in texts if text not in taken]
        asked = answered(self._client, left, options)
        for answers in asked:
            refused.update({t: a for t, a in answers if isinstance(a, InvalidRequest)})
            new = {t: _record(a) for t, a in answers if isinstance(a, Translation)}
            taken.update(new)
            self._journal.add((keys[text], record) for text, record in new.items())
            self._done([text for text in new for _ in range(texts[text])])
            if not taken and _hopeless(refused.values()):
                reason = next(iter(refused.values()))
                refused = dict.fromkeys(left, reason)
                asked.close()
        self._records.update({(t, aligned): record for t, record in taken.items()})
        return refused

    def _key(self, text: str, options: CallOptions) -> str:
        said = {name: value for name, value in options.items() if value is not None}
        said.pop("timeout_s", None)
        return key_of(text, {**said, "digest": self._digest})


def _hopeless(refusals: Collection[InvalidRequest]) -> bool:
    """Whether what was refused, and why, lets nothing be hoped for other texts."""
    reasons = {re.sub(r"\d+", "", str(each)) for each in refusals}
    of_length = any(_OF_LENGTH.search(each) for each in reasons)
    return len(refusals) >= ENOUGH_REFUSALS and len(reasons) == 1 and not of_length


def _record(translation: Translation) -> Record:
    links = translation.hypotheses[0].alignment
    return Record(translation.text, links, _doubts(translation))


def _doubts(translation: Translation) -> tuple[Doubt, ...]:
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
