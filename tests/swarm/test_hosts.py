"""A chain continues to call if a host of the Swarm is drained, is killed, or loses its network."""

import asyncio
import functools
import time

import pytest

from cashier_local.ports import wait_until
from tests.support.cluster import HOSTS
from tests.support.cluster_load import LEFT_SOCKETS, ClusterLoad
from tests.support.compose_load import until

pytestmark = [pytest.mark.anyio, LEFT_SOCKETS]

BEFORE_SECONDS = 5
"""How long the load runs before the fault."""
SILENCE_SECONDS = 8
"""How long it takes until a screen has noticed that its connection is silent, and has another one."""


def other(host: int) -> int:
    """Return a host other than this one."""
    return host % len(HOSTS) + 1


async def test_a_press_through_any_host_reaches_the_screens_of_all_hosts(cluster, stores) -> None:
    async with ClusterLoad(cluster.urls, stores) as load:
        await asyncio.sleep(BEFORE_SECONDS)  # The screens and the tills work meanwhile.

    assert not load.refused_seconds(), load.costs()
    assert load.faults() == []
    assert not load.lost()
    assert not load.doubled()
    # Replicas may move screens to others, which had fewer when the screens were opened.
    assert {each.code for screen in load.screens for each in screen.connections} <= {0, 1012}


@pytest.fixture(params=[True, False], ids=["with the Redis primary", "without the Redis primary"])
def host(request, cluster) -> int:
    """A host that has the Redis primary, or another one."""
    primary = cluster.primary_host()
    return primary if request.param else other(primary)


async def test_a_drained_host_loses_no_press_and_its_screens_move_with_code_1012(cluster, stores, host) -> None:
    async with ClusterLoad(cluster.urls, stores) as load:
        await asyncio.sleep(BEFORE_SECONDS)
        await asyncio.to_thread(cluster.set_availability, host, "drain")
        await asyncio.to_thread(wait_until, lambda: cluster.is_empty(host), 60, "the host is empty")

    assert not load.refused(), load.costs()
    assert load.faults() == []
    assert not load.lost()
    assert not load.doubled()
    assert {each.code for screen in load.screens for each in screen.connections if each.code} == {1012}, load.costs()
    assert max(seconds for screen in load.screens for seconds in screen.seconds_away()) < 4, load.costs()


async def test_if_a_host_is_killed_no_acknowledged_press_is_lost(cluster, stores, host) -> None:
    async with ClusterLoad(cluster.urls, stores) as load:
        await asyncio.sleep(BEFORE_SECONDS)
        await asyncio.to_thread(cluster.kill, host)
        await until(lambda: not load.recent_refusals(5), 30, "presses are acknowledged again")

    assert load.refused_seconds() < 10, load.costs()
    assert load.faults() == []
    assert not load.lost()
    assert not load.doubled()
    assert max(seconds for screen in load.screens for seconds in screen.seconds_away()) < 10, load.costs()


def test_after_a_power_cut_of_all_hosts_every_acknowledged_call_is_there(cluster, stores) -> None:
    before = {store: cluster.press(store) for store in stores[:20]}
    # Redis keeps changes only in memory for up to two seconds (appendfsync everysec).
    time.sleep(2)
    for host in HOSTS:
        cluster.kill(host)
    cluster.start_killed_hosts()
    cluster.wait_until_complete()
    after = {store: cluster.press(store) for store in stores[:20]}

    assert after == {store: seq + 1 for store, seq in before.items()}


async def test_a_primary_without_network_acknowledges_nothing_and_follows_afterwards(cluster, stores) -> None:
    host = await asyncio.to_thread(cluster.primary_host)
    async with ClusterLoad(cluster.urls, stores) as load:
        await asyncio.sleep(BEFORE_SECONDS)
        await asyncio.to_thread(cluster.cut, host)
        try:
            await until(lambda: not load.recent_refusals(5), 30, "presses are acknowledged again")
            status = await asyncio.to_thread(cluster.press_inside, host, stores[0])
        finally:
            await asyncio.to_thread(cluster.heal, host)
        follow = functools.partial(cluster.redis_is_complete, other(host))
        await asyncio.to_thread(wait_until, follow, 20, "all servers follow the new primary")
        # A screen whose connection leads through the host may show nothing of a call until it notices the silence.
        await asyncio.sleep(SILENCE_SECONDS)
        healed_at = time.monotonic()
        await asyncio.sleep(BEFORE_SECONDS)

    assert status in {503, 504}
    assert load.refused_seconds() < 10, load.costs()
    assert not load.lost()
    assert load.faults(since=healed_at) == []
    assert max(seconds for screen in load.screens for seconds in screen.seconds_away()) < 15, load.costs()
    assert not load.doubled()
