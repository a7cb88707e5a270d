"""Memory that is given back."""

import ctypes
import gc
import mmap
from typing import Any

import numpy.typing as npt

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


def spare_what_stays() -> None:
    """Has the garbage collector pass over all there is by now: modules and models are
    hundreds of thousands of objects, and to look through them takes tens of
    milliseconds, in which nobody is answered."""
    gc.collect()
    gc.freeze()


def free_what_went() -> None:
    """After a model has: what it is made of refers to itself in circles, which nobody
    looks through who passes over them."""
    gc.unfreeze()
    gc.collect()


def give_back(array: npt.NDArray[Any]) -> None:
    """Of a contiguous array that nobody needs any more, though it is still there: its
    pages, at once. What was in them is lost. Elsewhere than on Linux it does nothing.
    """
    dont_need = getattr(mmap, "MADV_DONTNEED", None)
    madvise = getattr(ctypes.CDLL(None), "madvise", None)
    if dont_need is None or madvise is None:
        return
    first, end = array.ctypes.data, array.ctypes.data + array.nbytes
    first += -first % mmap.PAGESIZE  # the next is whole, and wholly the array's
    end -= end % mmap.PAGESIZE
    if first < end:
        madvise(ctypes.c_void_p(first), ctypes.c_size_t(end - first), dont_need)
