"""What is read from files, and again whenever they have changed."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from onnxlate.errors import ConfigError

log = logging.getLogger(__name__)

Content = TypeVar("Content")

Stamp = tuple[tuple[int, ...], ...]


class Fresh(Generic[Content]):
    """As new as its files; one that is broken or gone leaves what there was.

    Files are replaced one after the other, so what is read in between may well fit
    together no more. Threads may share it.
    """

    def __init__(
        self, name: str, paths: Sequence[Path], read: Callable[[], Content]
    ) -> None:
        """`name` is for the log; `read` raises ValueError or OSError.

        Raises ConfigError if the files cannot be used at the start.
        """
        self._name = name
        self._paths = paths
        self._read = read
        self._lock = Lock()
        self._stamp = self._stamp_now()
        try:
            self._content = read()
        except (OSError, ValueError) as cause:
            raise ConfigError(f"{name} cannot be used: {cause}") from cause

    def latest(self) -> Content:
        """Looks at the files' times, and reads them if those have changed."""
        with self._lock:
            stamp = self._stamp_now()
            if stamp != self._stamp:
                self._stamp = stamp
                self._renew()
            return self._content

    def _renew(self) -> None:
        try:
            self._content = self._read()
        except (OSError, ValueError) as error:
            log.warning("%s stay as they were: %s", self._name, error)
        else:
            log.info("%s: new ones are in use", self._name)

    def _stamp_now(self) -> Stamp:
        return tuple(map(stamp_of, self._paths))


def stamp_of(path: Path) -> tuple[int, ...]:
    """Changes with what is in a file, and with who may read it.

    Follows links: Kubernetes renews a secret by turning one.
    """
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size
