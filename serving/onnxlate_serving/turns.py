"""How long sentences keep their rows, in the mean over the latest."""

MEMORY = 0.04
"""What one sentence counts for."""


class Turns:
    """Nobody knows before the first has ended: then all is 0."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._tokens = 0.0

    @property
    def seconds_a_token(self) -> float:
        """Of sources. The longer a source, the longer is what comes of it."""
        return self.seconds / self._tokens if self._tokens else 0.0

    def note(self, seconds: float, tokens: int) -> None:
        """Of a sentence that has ended; `tokens` are its source's."""
        share = MEMORY if self._tokens else 1.0
        self.seconds += share * (seconds - self.seconds)
        self._tokens += share * (tokens - self._tokens)
