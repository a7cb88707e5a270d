"""What a process still says at its end, if somebody listens."""

from collections.abc import Callable
from threading import Thread

LAST_WORDS_S = 2.0
"""How long the end waits for it."""


def say_last_words(say: Callable[[], object]) -> None:
    """Calls `say`, and leaves it alone where nobody takes what it says."""
    end = Thread(target=say, daemon=True)
    end.start()
    end.join(LAST_WORDS_S)
