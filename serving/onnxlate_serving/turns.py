"""How long sentences keep their rows, in the mean over the latest."""

MEMORY = 0.04
"""What one sentence counts for; among the first few all count alike, since the very
first, whose translation makes an engine ready, takes long for its length."""


class Turns:
    """Nobody knows before the first has ended: then all is 0."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._tokens = 0.0
        self._share = 1.0

    @property
    def seconds_a_token(self) -> float:
        """Of sources. The longer a source, the longer is what comes of it."""
        return self.seconds / self._tokens if self._tokens else 0.0

    def note(self, seconds: float, tokens: int) -> None:
        """Of a sentence that has ended; `tokens` are its source's."""
        self.seconds += self._share * (seconds - self.seconds)
        self._tokens += self._share * (tokens - self._tokens)
        self._share = max(MEMORY, self._share / (1 + self._share))
