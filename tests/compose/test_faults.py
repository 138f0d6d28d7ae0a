"""What each part's restart costs under load: counted, printed, and over when it is over."""

import asyncio
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
async def test_nothing_is_stuck_after(fault, stack, stores, replicas, capsys) -> None:
    replicas(2)
    async with Load(stack.url, stores) as load:
        await asyncio.sleep(2)
        await asyncio.to_thread(FAULTS[fault], stack)
        if fault == "Nginx reloaded":
            # The old workers send their screens away when worker_shutdown_timeout is over.
            await until(lambda: all_moved(load), 45, "every screen has come over to the new workers")
        await asyncio.sleep(4)
        await until(lambda: succeed_again(load), 20, "presses are called again")
    with capsys.disabled():
        print(f"\n{fault}: {load.costs()}; not shown as owed: {load.faults() or 'none'}")

    assert not {press.status for press in load.presses} & {500}
    last = [screen.connections[-1].painted[-1] for screen in load.screens]
    assert {paint.till for paint in last} == {0}
    await every_screen_shows_the_next_call(stack, load)


async def test_presses_that_were_given_up_while_the_database_stood_still_are_not_called_afterwards(
    stack, stores, replicas, capsys
) -> None:
    replicas(2)
    (database,), (web,) = stack.containers("db"), stack.containers("web")
    outcome = 'cashier_presses_total{outcome="given up"}'
    loads = [await one_press_in_each_store(stack, stores)]
    too_late = stack.figure(web, 8000, outcome)
    async with Load(stack.url, stores) as load:
        await asyncio.sleep(1)
        await asyncio.to_thread(docker, "pause", database)
        try:
            # Some of them by Nginx, while web still asks the database.
            await until(lambda: given_up(load) >= 20, 30, "presses are given up")
        finally:
            await asyncio.to_thread(docker, "unpause", database)
        await asyncio.sleep(2)
        await until(lambda: succeed_again(load), 20, "presses are called again")
    too_late = stack.figure(web, 8000, outcome) - too_late
    loads += [load, await one_press_in_each_store(stack, stores)]
    unseen = sum(max(seqs) - min(seqs) + 1 - len(seqs) for seqs in seqs_of(loads).values())
    with capsys.disabled():
        print(f"\nDatabase stood still: {load.costs()}; came too late: {too_late:.0f}, called though: {unseen}")

    assert too_late > 5
    assert unseen <= 2, "given up in the very moment in which they were called"


def seqs_of(loads: list[Load]) -> dict[str, set[int]]:
    """The calls that somebody was told of, by store."""
    told = defaultdict(set)
    for load in loads:
        for press in load.presses:
            if press.seq:
                told[press.store].add(press.seq)
    return told


def given_up(load: Load) -> int:
    """Presses that were answered with anything but a call."""
    return sum(press.answered > 0 and press.status != 204 for press in load.presses)


def all_moved(load: Load) -> bool:
    """Whether every screen has lost its first connection and has another."""
    return all(len(screen.connections) > 1 for screen in load.screens)


def succeed_again(load: Load) -> bool:
    """Whether the newest presses that have an answer were all called."""
    newest = [press for press in load.presses if press.answered][-30:]
    return {press.status for press in newest} == {204}


async def one_press_in_each_store(stack, stores: list[str]) -> Load:
    """With new screens and new tills."""
    async with Load(stack.url, stores, per_second=100) as load:
        await until(lambda: len(load.presses) >= len(stores), 10, "every store was pressed in")
    return load


async def every_screen_shows_the_next_call(stack, load: Load) -> None:
    """It is shown and taken down everywhere."""
    after = await one_press_in_each_store(stack, load.stores)

    assert after.faults() == []
    assert {press.status for press in after.presses} == {204}
    assert all(len(screen.connections) == 1 for screen in after.screens)
