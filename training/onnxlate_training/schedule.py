"""Learning rates as plain functions of the update number."""

import math
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

Shape = Literal["inverse_square_root", "cosine", "constant"]


class ScheduleConfig(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    shape: Shape = "inverse_square_root"
    """How the rate falls after the warm-up; inverse_square_root is the paper's."""
    peak: PositiveFloat = 0.005
    """Highest rate, reached at the end of the warm-up."""
    warmup_updates: PositiveInt = 2000
    """Updates in which the rate climbs from zero to the peak, in a straight line."""
    final: NonNegativeFloat = 0.0
    """Where the cosine ends, at the last update; no higher than the peak."""

    @model_validator(mode="after")
    def _ends_below_the_peak(self) -> "ScheduleConfig":
        if self.final > self.peak:
            raise ValueError(f"final is {self.final:g}, above the peak {self.peak:g}")
        return self

    def rate(self, update: int, max_updates: int) -> float:
        """Of the update-th update, counted from 1; Vaswani et al. 2017, section 5.3."""
        if update <= self.warmup_updates:
            return self.peak * update / self.warmup_updates
        match self.shape:
            case "inverse_square_root":
                return self.peak * math.sqrt(self.warmup_updates / update)
            case "cosine":
                left = max(max_updates - self.warmup_updates, 1)
                done = min((update - self.warmup_updates) / left, 1.0)
                height = (1 + math.cos(math.pi * done)) / 2
                return self.final + (self.peak - self.final) * height
            case "constant":
                return self.peak
