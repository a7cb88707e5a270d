"""How somebody who comes or goes is heard in the middle of several steps."""

import numpy as np


class Bell:
    """One number in memory, which compiled code looks at between two steps."""

    def __init__(self) -> None:
        self._rung = np.zeros(1, np.int32)
        self.address = int(self._rung.ctypes.data)
        self.further_steps = 0
        """What was done beyond the one step that was asked for, since this was read."""

    def ring(self) -> None:
        self._rung[0] = 1

    def silence(self) -> None:
        self._rung[0] = 0
