"""Fixtures for the tests of cashier_core."""

from collections.abc import Iterator

import pytest

from tests.support.topologies import Log, Valkey


@pytest.fixture(scope="package")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Valkey server of their own, because these tests set clocks and delete all keys.

    The replicas of tests/ws run until all tests have ended. Such a replica would notice that a clock was set, and
    correct the clock in the middle of a test.
    """
    server = Valkey(tmp_path_factory.mktemp("valkey"), Log())
    server.start()
    yield server
    server.stop()
