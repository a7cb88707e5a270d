"""What was bound to a session once, kept for the next time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime as ort


Addresses = tuple[int, ...]
"""Where everything stands and how large it is: equal ones are bound alike."""

MAX_BINDINGS = 256
"""Combinations of rows and sizes that are remembered."""


class Bindings:
    """Bindings of one session, by addresses.

    A model has dozens of caches, and to bind one takes 8 µs.
    """

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self._kept: dict[Addresses, ort.IOBinding] = {}

    def run(self, addresses: Addresses, bind: Callable[[ort.IOBinding], None]) -> None:
        """Runs the session; `bind` binds inputs and outputs where that is due."""
        binding = self._kept.get(addresses)
        if binding is None:
            if len(self._kept) == MAX_BINDINGS:
                self._kept.pop(next(iter(self._kept)))  # the oldest
            binding = self._session.io_binding()
            bind(binding)
            self._kept[addresses] = binding
        self._session.run_with_iobinding(binding)
