"""The server that a command asks: one that runs, or one of its own for a bundle."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onnxlate.errors import ConfigError
from onnxlate.local_server import LocalServer

from .files import ended_by_way_of_finally


@contextmanager
def asked(server: str | None, bundle: Path | None) -> Iterator[str]:
    """The address to ask: the one given, or that of a child process."""
    if (server is None) == (bundle is None):
        raise ConfigError("give either --server HOST:PORT or --bundle DIR")
    if server is not None:
        yield server
        return
    with started(bundle) as address:
        yield address


@contextmanager
def started(bundle: Path | None) -> Iterator[str]:
    """The address of a child process that serves the bundle, or the default model."""
    with ended_by_way_of_finally(), LocalServer(bundle) as child:
        yield child.address
