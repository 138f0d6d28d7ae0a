"""Fixtures for all tests. They start a Valkey server and topologies on free ports, and create stores."""

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from cashier_local import ports
from cashier_local.ports import responds, wait_until
from cashier_local.topology import prepare_data
from tests.support import topologies
from tests.support.redis_group import RedisGroup
from tests.support.topologies import ENVIRONMENT, Log, TopologyUnderTest, Valkey, add_store

# httpx logs one line for each request. A load test sends so many requests that these lines would hide the rest of the
# output of a failed test.
logging.getLogger("httpx").setLevel(logging.WARNING)

MakeStore = Callable[..., str]
RunTopology = Callable[..., AbstractContextManager[TopologyUnderTest]]


def pytest_configure() -> None:
    """Give each process of pytest-xdist its own range of ports.

    A test chooses a free port, and some seconds later a server listens on it. Without separate ranges, another process
    could choose the same port in the meantime.
    """
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    size = (ports.HIGHEST - ports.LOWEST) // count
    ports.LOWEST += number * size
    ports.HIGHEST = ports.LOWEST + size


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"), Log())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_group(tmp_path: Path) -> Iterator[RedisGroup]:
    """Several Redis servers with Sentinels, which only one test uses and may stop."""
    servers = RedisGroup(tmp_path)
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


@pytest.fixture(scope="session")
def prepared_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a migrated database and the static files, which every topology copies.

    The processes of pytest-xdist share the folder. The first process creates the files, and the other processes wait.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Each process of pytest-xdist has its own temporary folder. All these folders have the same parent folder, so
        # the prepared data are stored there for all processes.
        folder = folder.parent
    with (folder / "prepared.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "prepared").exists():
            prepare_data(folder / "preparing", ENVIRONMENT)
            (folder / "preparing").rename(folder / "prepared")
    return folder / "prepared"


@pytest.fixture(scope="session")
def run_topology(prepared_data: Path) -> RunTopology:
    """Return a function that starts a topology with its own settings.

    Example: `with run_topology(folder, CASHIER_OPEN_BUTTONS="false") as topology`.
    """
    return partial(topologies.run_topology, prepared=prepared_data)


@pytest.fixture(scope="session")
def shared_topology(run_topology: RunTopology, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TopologyUnderTest]:
    with run_topology(tmp_path_factory.mktemp("topology")) as topology:
        yield topology


@pytest.fixture
def topology(shared_topology: TopologyUnderTest) -> Iterator[TopologyUnderTest]:
    """The topology that all tests share.

    A test that stops or kills processes must use `own_topology` or `topology_to_break` instead.
    The test fails if a process has logged a traceback during the test.
    """
    lines_before = len(shared_topology.log.lines)
    yield shared_topology
    assert not shared_topology.log.has("Traceback", lines_before), "\n".join(shared_topology.log.lines[lines_before:])


@pytest.fixture(scope="module")
def own_topology(run_topology: RunTopology, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TopologyUnderTest]:
    """A topology that only the tests of one module use."""
    with run_topology(tmp_path_factory.mktemp("own_topology")) as topology:
        yield topology


@pytest.fixture
def topology_to_break(own_topology: TopologyUnderTest) -> Iterator[TopologyUnderTest]:
    """The topology of the test's module (`own_topology`), for tests that stop processes.

    After each test, this fixture starts every process that is not running.
    """
    yield own_topology
    for process in own_topology.processes.values():
        if not process.alive:
            # The topology starts a killed process again by itself. stop() ends this, so that the process does not run
            # twice.
            process.stop()
            process.start()
    addresses = [own_topology.url, *(f"http://127.0.0.1:{port}/healthz" for port in own_topology.ws_ports)]
    for address in addresses:
        wait_until(partial(responds, address), 60, f"{address} answers")


@pytest.fixture
def make_store(topology: TopologyUnderTest) -> MakeStore:
    """Return a function that creates a store in the shared topology and returns its slug.

    Each test uses its own stores, so that tests do not affect each other.
    """
    return lambda **fields: add_store(topology, **fields)
