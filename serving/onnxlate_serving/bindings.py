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


Bind = Callable[["ort.IOBinding"], None]


class Bindings:
    """Bindings of one session, by addresses.

    A model has dozens of caches, and to bind one takes 8 µs.
    """

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self._kept: dict[Addresses, ort.IOBinding] = {}
        # What is in main memory and belongs elsewhere goes there when it is bound, and
        # not when the session runs: bound once, it would be the same for ever.
        self._copies = session.get_providers()[0] != "CPUExecutionProvider"

    def run(self, addresses: Addresses, bind: Bind, bind_inputs: Bind) -> None:
        """Runs the session; `bind` binds outputs and caches where that is due, and
        `bind_inputs` what is given in main memory."""
        binding = self._kept.get(addresses)
        if binding is None:
            if len(self._kept) == MAX_BINDINGS:
                self._kept.pop(next(iter(self._kept)))  # the oldest
            binding = self._session.io_binding()
            bind(binding)
            bind_inputs(binding)
            self._kept[addresses] = binding
        elif self._copies:
            bind_inputs(binding)
        self._session.run_with_iobinding(binding)
