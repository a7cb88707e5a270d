"""True at the first positions of each row, in memory that stays where it is."""

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


class Mask:
    """For places of several rows that are of one length each."""

    def __init__(self) -> None:
        self._memory: Bools = np.zeros(0, np.bool_)
        self.address = 0
        self.array: Bools = self._memory.reshape(0, 0)  # (R, size)

    def see(self, lengths: Ints, rows: int, size: int) -> None:
        """(P,) -> (P * rows, size)."""
        needed = len(lengths) * rows * size
        if needed > len(self._memory):
            self._memory = np.zeros(2 * needed, np.bool_)
            self.address = int(self._memory.ctypes.data)
        seen = self._memory[:needed].reshape(len(lengths), rows, size)
        np.less(np.arange(size), lengths[:, None, None], out=seen)
        self.array = seen.reshape(-1, size)
