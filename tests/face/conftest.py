"""A server that says the text back, and its address."""

from collections.abc import Iterator

import pytest

from .parrot import Parrot, serving


@pytest.fixture
def parrot() -> Parrot:
    return Parrot()


@pytest.fixture
def server(parrot: Parrot) -> Iterator[str]:
    with serving(parrot) as address:
        yield address
