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


TOKENS = 256
"""Of a question and its answer, that count as one; most have fewer. Sixteen hypotheses
of hundreds of tokens, with the log-probability of each, take half a megabyte."""


def size_of(question: Question, answer: Answer) -> int:
    """As how many it counts."""
    said = sum(len(each.tokens) + len(each.token_log_probs) for each in answer)
    return -(-(len(question.source_ids) + said) // TOKENS)


class ResultCache:
    """The answers last given, at most so many, or fewer large ones; of one model."""

    def __init__(self, max_texts: int) -> None:
        self._max_texts = max_texts
        self._answers: OrderedDict[Question, Answer] = OrderedDict()
        self._size = 0
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
        if known := self._answers.pop(question, None):
            self._size -= size_of(question, known)
        self._answers[question.bare()] = answer
        self._size += size_of(question, answer)
        while self._size > self._max_texts and len(self._answers) > 1:
            # Whoever was not asked for longest.
            self._size -= size_of(*self._answers.popitem(last=False))
