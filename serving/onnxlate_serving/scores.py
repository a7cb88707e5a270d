"""The score of a text, from those of its parts."""

from collections.abc import Iterable


def joint_score(parts: Iterable[tuple[float, int]], length_penalty: float) -> float:
    """As if all had been one hypothesis: the log-probability of all tokens together,
    normalised by how many they are.

    Each part is a score and its number of tokens; `length_penalty` is the one in effect
    for all of them, which is the model's default where a call names none.
    """
    log_prob, num_tokens = 0.0, 0
    for score, num in parts:
        log_prob += score * num**length_penalty
        num_tokens += num
    return float(log_prob / max(1, num_tokens) ** length_penalty)
