"""The fixtures of this folder's tests: a Swarm of three hosts with a stack, and the slugs of its stores.

All tests share the stack. Therefore, when a test ends, all hosts work again, and the stack is complete.
"""

from collections.abc import Iterator

import httpx
import pytest

from loadtests.profiles import Profile, device_token
from loadtests.topologies import code_that_adds_stores
from tests.support.cluster import BASE_IMAGES, GATEWAY, NODES, Cluster, nodes
from tests.support.compose_stack import require_engine
from tests.support.object_store import ObjectStoreServer, run_object_store

STORES = 200


@pytest.fixture(scope="session")
def hosts() -> None:
    """Start three hosts."""
    if not NODES.exists():
        pytest.fail(f"{NODES} does not exist, so there are no hosts")
    require_engine()
    nodes("up", "3")
    nodes("load", *BASE_IMAGES)


@pytest.fixture(scope="session")
def object_store(hosts, tmp_path_factory) -> Iterator[ObjectStoreServer]:
    """Run an object store outside of the hosts."""
    with run_object_store(tmp_path_factory.mktemp("object_store"), GATEWAY) as server:
        yield server


@pytest.fixture(scope="session")
def cluster(object_store, tmp_path_factory) -> Iterator[Cluster]:
    """Deploy a stack with the commands of the guide. Remove the hosts after the last test."""
    cluster = Cluster(tmp_path_factory.mktemp("swarm"))
    cluster.clone.clone()
    cluster.write_secret("media_url", object_store.url)
    cluster.build("one")
    try:
        cluster.make("swarm-up")
        yield cluster
    finally:
        cluster.clear()


@pytest.fixture(autouse=True)
def repaired(cluster) -> Iterator[None]:
    """Repair the cluster after each test, also after a test that has failed."""
    yield
    cluster.repair()


@pytest.fixture(scope="session")
def stores(cluster) -> list[str]:
    """Create 200 stores with a device in each of them, and return their slugs.

    Each device presses once. Later it can press without the database, which runs on one of the hosts.
    """
    profile = Profile(name="swarm", stores=STORES, screens_per_store=3, per_second=20, seconds=0)
    cluster.manage(code_that_adds_stores(profile))
    with httpx.Client(base_url=cluster.urls[0], timeout=20) as client:
        for slug in profile.slugs():
            token = {"Authorization": f"Bearer {device_token(slug)}"}
            client.post(f"/api/v1/stores/{slug}/calls", json={"till": 1}, headers=token).raise_for_status()
    return profile.slugs()
