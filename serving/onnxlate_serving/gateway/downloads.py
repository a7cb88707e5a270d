"""Translated files until they are fetched, for a while and in memory."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

KEPT_S = 15 * 60.0
MAX_KEPT_BYTES = 64 * 1024 * 1024
"""Of all files; the oldest make room."""


@dataclass(frozen=True, slots=True)
class Kept:
    name: str
    data: bytes
    until_s: float


class Downloads:
    """By keys that nobody can guess: who has one may fetch the file, and only that."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._bytes = 0

    def keep(self, name: str, data: bytes) -> str:
        """Its key."""
        self._forget_old(len(data))
        key = secrets.token_urlsafe(24)
        self._kept[key] = Kept(name, data, self._clock() + KEPT_S)
        self._bytes += len(data)
        return key

    def find(self, key: str) -> Kept | None:
        self._forget_old(0)
        return self._kept.get(key)

    def _forget_old(self, wanted: int) -> None:
        while self._kept:
            oldest = next(iter(self._kept.values()))
            late = oldest.until_s < self._clock()
            if not late and self._bytes + wanted <= MAX_KEPT_BYTES:
                return
            self._kept.popitem(last=False)
            self._bytes -= len(oldest.data)
