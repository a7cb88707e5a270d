"""How good translations are: scores, and whether their differences mean anything.

Nothing heavy is imported before something is scored; what that takes comes with the
extra `evaluate`.
"""

from .scores import Scores, score
from .test_set import TestSet, read_test_set

__all__ = ["Scores", "TestSet", "read_test_set", "score"]
