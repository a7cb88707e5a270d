import time
from collections.abc import Callable


def wait_for(truth: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < end, "it does not come true"
        time.sleep(0.05)
