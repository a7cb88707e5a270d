"""A document through a server: its units translated once each, and laid back."""

from collections import Counter
from collections.abc import Callable, Sequence
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
"""As many texts refused, and none taken: it is not the texts."""


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
    run = _Run(client, model, pinned, journal, done)
    units = document.units
    for aligned in (False, True):
        run.translate([unit for unit in units if unit.aligned is aligned], aligned)
    records = [run.records[unit.text, unit.aligned] for unit in units]
    report = run.report(units)
    rebuilt = document.rebuilt([Answer(each.text, each.links) for each in records])
    report.remarks += rebuilt.remarks
    return rebuilt.data, report


class _Run:
    def __init__(
        self,
        client: Client,
        model: ServedModel,
        options: CallOptions,
        journal: Journal,
        done: Callable[[list[str]], None],
    ) -> None:
        self.records: dict[tuple[str, bool], Record] = {}
        """By text and whether it is aligned."""
        self._client = client
        self._digest = model.digest
        self._options = options
        self._journal = journal
        self._done = done
        self._resumed: set[tuple[str, bool]] = set()
        self._refused: set[tuple[str, bool]] = set()
        self._refusal: InvalidRequest | None = None

    def translate(self, units: list[Unit], aligned: bool) -> None:
        """Each text once, however many units say it."""
        options = self._options.copy()
        if aligned:
            options["return_alignment"] = True
        texts: Counter[str] = Counter(unit.text for unit in units)
        keys = {text: self._key(text, options) for text in texts}
        for text, key in keys.items():
            if record := self._journal.get(key):
                self.records[text, aligned] = record
                self._resumed.add((text, aligned))
                self._done([text] * texts[text])
        left = [text for text in texts if (text, aligned) not in self.records]
        for answers in answered(self._client, left, options):
            new: list[tuple[str, Record]] = []
            for text, answer in answers:
                self.records[text, aligned] = self._record(text, aligned, answer)
                if not isinstance(answer, InvalidRequest):
                    new.append((keys[text], self.records[text, aligned]))
            self._journal.add(new)
            for text, _ in answers:
                self._done([text] * texts[text])

    def report(self, units: Sequence[Unit]) -> Report:
        """Raises the server's refusal, if it refused every unit."""
        ids = [(unit.text, unit.aligned) for unit in units]
        if self._refusal and self._refused.issuperset(ids):
            raise self._refusal
        return Report(
            units=len(units),
            characters=sum(len(unit.text) for unit in units),
            resumed=sum(each in self._resumed for each in ids),
            untranslated=sum(each in self._refused for each in ids),
            remarks=[
                Remark(unit.where(doubt.at), doubt.kind, doubt.details)
                for unit in units
                for doubt in self.records[unit.text, unit.aligned].doubts
            ],
        )

    def _key(self, text: str, options: CallOptions) -> str:
        said = {name: value for name, value in options.items() if value is not None}
        said.pop("timeout_s", None)
        return key_of(text, {**said, "digest": self._digest})

    def _record(
        self, text: str, aligned: bool, answer: Translation | InvalidRequest
    ) -> Record:
        if isinstance(answer, InvalidRequest):
            self._refused.add((text, aligned))
            self._refusal = answer
            tried = len(self.records) + 1
            if len(self._refused) == tried and tried >= ENOUGH_REFUSALS:
                raise answer
            return Record(text, doubts=(Doubt(UNTRANSLATED, str(answer), 0),))
        return Record(answer.text, answer.hypotheses[0].alignment, _doubts(answer))


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
