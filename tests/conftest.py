"""Fixtures for all tests: a Valkey server, topologies on free ports, and stores in the shared topology."""

import logging
from collections.abc import Callable, Iterator

import pytest

from tests.support.topologies import Log, TopologyUnderTest, Valkey, add_store, run_topology

# httpx logs one line per request. The lines of a load would hide the rest of a failed test's output.
logging.getLogger("httpx").setLevel(logging.WARNING)

MakeStore = Callable[..., str]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"), Log())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared_topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TopologyUnderTest]:
    yield from run_topology(tmp_path_factory.mktemp("topology"))


@pytest.fixture
def topology(shared_topology: TopologyUnderTest) -> Iterator[TopologyUnderTest]:
    """The topology that tests share. A test that breaks parts of a topology uses `own_topology`.

    The test fails if a process has logged a traceback during the test.
    """
    known = len(shared_topology.log.lines)
    yield shared_topology
    assert not shared_topology.log.has("Traceback", known), "\n".join(shared_topology.log.lines[known:])


@pytest.fixture(scope="module")
def own_topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TopologyUnderTest]:
    """A topology that only the tests of one module use."""
    yield from run_topology(tmp_path_factory.mktemp("own_topology"))


@pytest.fixture
def make_store(topology: TopologyUnderTest) -> MakeStore:
    """Create a store in the shared topology and return its slug. Each test uses its own store."""
    return lambda **fields: add_store(topology, **fields)
