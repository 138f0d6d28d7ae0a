"""Redis, the database, Nginx and web are restarted, or the database is paused, while presses and screens use them.

Each test prints how many presses failed and how long screens were disconnected. Then the test checks that everything
works again.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable

import pytest

from tests.support.compose_load import Load, until
from tests.support.compose_stack import docker

pytestmark = pytest.mark.anyio


def restart(service: str) -> Callable:
    return lambda stack: stack.compose("restart", service)


def kill_redis(stack) -> None:
    docker("kill", "--signal", "KILL", *stack.containers("redis"))
    stack.compose("up", "--detach", "--no-deps", "--wait", "redis")


def reload_nginx(stack) -> None:
    stack.compose("exec", "-T", "nginx", "nginx", "-p", "/srv/nginx", "-c", "nginx.conf", "-s", "reload")


def recreate(service: str) -> Callable:
    return lambda stack: stack.compose("up", "--detach", "--no-deps", "--force-recreate", "--wait", service)


FAULTS = {
    "Redis restarted": restart("redis"),
    "Redis killed": kill_redis,
    "database restarted": restart("db"),
    "Nginx reloaded": reload_nginx,
    "web recreated": recreate("web"),
    "Nginx recreated": recreate("nginx"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_everything_works_again_after_a_fault(fault, stack, stores, replicas, capsys) -> None:
    replicas(2)
    some, others = stores[:10], stores[10:]
    async with Load(stack.url, others) as load:
        await asyncio.sleep(2)
        await asyncio.to_thread(FAULTS[fault], stack)
        over = time.monotonic()
        if fault == "Nginx reloaded":
            # After the reload, Nginx's old worker processes close the connections of their screens. This happens after
            # 30 s (worker_shutdown_timeout).
            await until(lambda: all_moved(load), 45, "all screens are connected to the new worker processes")
        await until(lambda: succeed_again(load, over), 30, "presses are answered with a call again")
        recovered = time.monotonic()
        # The next line presses in the first ten stores. Meanwhile, `load` presses again in each of the other 90 stores.
        new_load = await one_press_in_each_store(stack, some)
    with capsys.disabled():
        print(f"\n{fault}: {load.costs()}; calls that were not shown correctly: {load.faults() or 'none'}")

    assert not {press.status for press in load.presses} & {500}
    assert {press.store for press in load.presses if press.intended > recovered} == set(others)
    assert {press.status for press in load.presses if press.intended > recovered} == {204}
    assert load.faults(since=recovered) == []
    last = [screen.connections[-1].painted[-1] for screen in load.screens]
    assert {paint.till for paint in last} == {0}
    assert new_load.faults() == []
    assert {press.status for press in new_load.presses} == {204}
    assert all(len(screen.connections) == 1 for screen in new_load.screens)


async def test_presses_that_timed_out_while_the_database_was_paused_are_not_called_later(
    stack, stores, replicas, capsys
) -> None:
    replicas(2)
    stores = stores[:50]
    (database,), (web,) = stack.containers("db"), stack.containers("web")
    outcome = 'cashier_presses_total{outcome="given up"}'
    loads = [await one_press_in_each_store(stack, stores)]
    too_late = stack.figure(web, 8000, outcome)
    async with Load(stack.url, stores) as load:
        await asyncio.sleep(1)
        await asyncio.to_thread(docker, "pause", database)
        try:
            # The test waits until 20 presses have failed. Some of these presses failed because Nginx no longer waits
            # for web's answer, while web still waits for the database. web must not make calls for them later.
            await until(lambda: given_up(load) >= 20, 30, "presses have timed out")
        finally:
            await asyncio.to_thread(docker, "unpause", database)
        unpaused = time.monotonic()
        await until(lambda: succeed_again(load, unpaused), 30, "presses are answered with a call again")
    too_late = stack.figure(web, 8000, outcome) - too_late
    loads += [load, await one_press_in_each_store(stack, stores)]
    unconfirmed = sum(max(seqs) - min(seqs) + 1 - len(seqs) for seqs in seqs_of(loads).values())
    with capsys.disabled():
        print(
            f"\nDatabase paused: {load.costs()}; refused as too late: {too_late:.0f}; called unconfirmed: {unconfirmed}"
        )

    assert too_late > 5
    assert unconfirmed <= 2, "only few presses can time out at the same moment in which they are called"


def seqs_of(loads: list[Load]) -> dict[str, set[int]]:
    """Return, for each store, the seq of each call whose press was answered with status 204."""
    confirmed = defaultdict(set)
    for load in loads:
        for press in load.presses:
            if press.seq:
                confirmed[press.store].add(press.seq)
    return confirmed


def given_up(load: Load) -> int:
    """Return how many presses have failed, with another status than 204 or without an answer."""
    return sum(press.answered > 0 and press.status != 204 for press in load.presses)


def all_moved(load: Load) -> bool:
    """Return whether every screen has lost its first connection and has connected again."""
    return all(len(screen.connections) > 1 for screen in load.screens)


def succeed_again(load: Load, since: float) -> bool:
    """Return whether the last 30 presses have status 204 (a call was made), and were answered after `since`."""
    newest = [press for press in load.presses if press.answered > since][-30:]
    return len(newest) == 30 and {press.status for press in newest} == {204}


async def one_press_in_each_store(stack, stores: list[str]) -> Load:
    """Open new screens and new tills, and press once in each store. Returns a record of all presses and paints."""
    async with Load(stack.url, stores, per_second=100) as load:
        await until(lambda: len(load.presses) >= len(stores), 10, "there was a press in every store")
    return load
