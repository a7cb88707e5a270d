"""What went by since the last line of the log."""

import math
from dataclasses import dataclass, field


@dataclass
class Tally:
    """What the next line of the log is about."""

    loss: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    gradient_norms: list[float] = field(default_factory=list)

    @property
    def mean_loss(self) -> float:
        return self.loss / self.tokens

    @property
    def speed(self) -> float:
        """Real target tokens per second."""
        return self.tokens / self.seconds

    def figures(self, rate: float, epoch: int) -> dict[str, float]:
        # fp16 meets infinite gradients while it looks for its scale.
        finite = filter(math.isfinite, self.gradient_norms)
        return {
            "loss": self.mean_loss,
            "learning_rate": rate,
            "tokens_per_second": self.speed,
            "cpu_share": self.cpu_seconds / self.seconds,
            "gradient_norm": max(finite, default=0.0),
            "epoch": epoch,
        }
