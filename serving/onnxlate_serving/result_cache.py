"""Answers that were given before.

A text's translation depends on the text, the options and the model alone, so what was
decoded once need not be decoded again; and interfaces say the same few things all day.
"""

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from onnxlate.search import Hypothesis, SearchOptions

from .wording import Ban, Prefix


@dataclass(frozen=True, slots=True)
class Question:
    """All that decides an answer of one model."""

    source_ids: tuple[int, ...]
    options: SearchOptions
    coverage_penalty: float = 0.0
    """By which what the search has found is put in order."""
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # Asked for at every turn, and made of some forty numbers.
        object.__setattr__(self, "_hash", hash((self.source_ids, self.options)))

    def __hash__(self) -> int:
        return self._hash

    def bare(self) -> "Question":
        """An equal one, without the tables that it takes to decode it."""
        rules = tuple(
            each.bare() if isinstance(each, Ban | Prefix) else each
            for each in self.options.rules
        )
        return replace(self, options=replace(self.options, rules=rules))


Answer = tuple[Hypothesis, ...]


class ResultCache:
    """The answers last given, at most so many; of one model."""

    def __init__(self, max_texts: int) -> None:
        self._max_texts = max_texts
        self._answers: OrderedDict[Question, Answer] = OrderedDict()
        self.num_found = 0

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, question: Question) -> Answer | None:
        answer = self._answers.get(question)
        if answer is not None:
            self._answers.move_to_end(question)
            self.num_found += 1
        return answer

    def put(self, question: Question, answer: Answer) -> None:
        if not self._max_texts:
            return
        self._answers[question.bare()] = answer
        self._answers.move_to_end(question)
        if len(self._answers) > self._max_texts:
            self._answers.popitem(last=False)  # whoever was not asked for longest
