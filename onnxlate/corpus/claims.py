"""Who does which shard: locks of the file system, one byte for each.

A lock is gone with the process that had it, however that ended, so there is nothing to
renew, no clock to compare and nothing to clean up. On NFS they hold across machines.
Where they do not (some file systems lock within a machine only), a shard may be done
twice, and still comes out once.
"""

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from onnxlate.errors import ConfigError


class Claims:
    """This process's; a context, at whose end they are all given back.

    The locks are the process's, so there may be one of these for a file in a process.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as cause:
            raise ConfigError(f"cannot write {self._path}: {cause.strerror}") from cause
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._file)

    def take(self, number: int) -> bool:
        """Whether it is ours from now on; not if it is another process's."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError as cause:
            if cause.errno in (errno.EACCES, errno.EAGAIN):
                return False
            raise ConfigError(
                f"cannot lock {self._path}: {cause.strerror}; the job's folder must be "
                "on a file system with locks, such as NFS 4"
            ) from cause
        return True

    def give_back(self, number: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)
