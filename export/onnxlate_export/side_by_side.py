"""Batches that are decoded beside each other, each on its share of the cores.

A step of a few rows is made of some hundred short products, and after each of them
threads wait for each other. Two batches on a core each take two thirds of the time that
they take one after the other on both.
"""

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import torch

AT_ONCE = 4
"""At most; each has scores of its own, rows times vocabulary, several times over."""


@contextlib.contextmanager
def side_by_side() -> Iterator[Executor]:
    """What takes the batches; after an error it begins no more of them.

    Inside, torch.get_num_threads() is each one's share.
    """
    threads = torch.get_num_threads()
    at_once = min(AT_ONCE, threads)
    pool = ThreadPoolExecutor(at_once)
    torch.set_num_threads(threads // at_once)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
