"""Which of many items were there before, in memory that hardly grows with them."""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

DIGEST = np.dtype([("low", "<u8"), ("high", "<u8")])
"""128 bits: not even of a billion items are two unlike ones likely to share theirs."""

AT_ONCE = 4_000_000
"""Digests that are read, and that are sorted, at a time: some 300 MB."""


def digest(item: bytes) -> bytes:
    return hashlib.blake2b(item, digest_size=DIGEST.itemsize).digest()


def firsts(digests: Path, at_once: int = AT_ONCE) -> npt.NDArray[np.bool_]:
    """Of each digest in the file, whether none before it is equal; a byte for each.

    The file is read once for each `at_once` digests that it has. Each time those of
    another remainder are looked at, among which all equal ones are.
    """
    number = digests.stat().st_size // DIGEST.itemsize
    first = np.zeros(number, np.bool_)
    rounds = -(-number // at_once)
    for remainder in range(rounds):
        places, found = _with_remainder(digests, remainder, rounds, at_once)
        # A stable sort: the first of equals is the first of them in the file.
        order = np.lexsort((found["low"], found["high"]))
        new = np.ones(len(order), np.bool_)
        new[1:] = found[order[1:]] != found[order[:-1]]
        first[places[order[new]]] = True
    return first


def _with_remainder(
    digests: Path, remainder: int, rounds: int, at_once: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.void]]:
    """Those digests, and which ones of all they are."""
    places, found, start = [], [], 0
    with digests.open("rb") as file:
        while len(chunk := np.fromfile(file, DIGEST, at_once)):
            here = np.flatnonzero(chunk["low"] % np.uint64(rounds) == remainder)
            places.append(here + start)
            found.append(chunk[here])
            start += len(chunk)
    return np.concatenate(places), np.concatenate(found)
