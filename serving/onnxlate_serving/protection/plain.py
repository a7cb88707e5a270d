"""Texts that need no protection: with nothing to keep, or with nothing else."""

from collections.abc import Sequence
from dataclasses import replace

from ..translation import Translation
from .case import Ask, Case, kept


class AsItIs:
    name = "nothing to keep"

    def __init__(self, case: Case) -> None:
        self._case = case

    def asks(self) -> Sequence[Ask]:
        return [Ask(self._case.text, self._case.options)]

    def answer(self, found: Sequence[Translation]) -> Translation | None:
        return found[0]


class Copied:
    """Without the model."""

    name = "copied"

    def __init__(self, case: Case) -> None:
        self._case = case

    def asks(self) -> Sequence[Ask]:
        """A blank: the options are checked, and nothing is decoded."""
        return [Ask("", self._case.options)]

    def answer(self, found: Sequence[Translation]) -> Translation | None:
        [blank] = found
        return replace(
            blank,
            hypotheses=tuple(
                replace(each, text=self._case.text) for each in blank.hypotheses
            ),
            protected_items=tuple(kept(each, each.span) for each in self._case.items),
        )
