"""Why a translation ended; apart, so that clients need no numpy to read it."""

from enum import Enum


class FinishReason(Enum):
    EOS = "eos"
    """The model ended the sentence."""
    LENGTH = "length"
    """The target reached max_target_tokens."""
