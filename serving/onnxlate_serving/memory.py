"""Memory that is given back."""

import ctypes

M_MMAP_THRESHOLD = -3
"""From malloc.h."""

LARGE = 2**20
"""Bytes from which on a block is mapped by itself, and unmapped when it is freed."""


def give_large_blocks_back() -> None:
    """Settles what glibc otherwise learns: after a block of up to 32 MB was freed, it
    keeps all such blocks for itself, and a server's caches leave holes behind that
    add up to a third of its memory. Elsewhere it does nothing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, LARGE)
