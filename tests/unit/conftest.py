"""Fixtures of the unit tests."""

import pytest

from loopback.mast import Mast


@pytest.fixture(scope="session")
def queried_server():
    """Give the one archive that astroquery asks: it keeps its address for the life of a process."""
    with Mast() as server:
        yield server
