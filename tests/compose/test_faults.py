"""A service is restarted, killed, replaced or paused, while presses and screens use it.

Each test prints how many presses failed and how long screens were disconnected. Then the test checks that everything
works again.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable

import httpx
import pytest

from cashier_local.ports import wait_until
from tests.support.compose_load import Load, until
from tests.support.compose_stack import docker

pytestmark = pytest.mark.anyio
HANG_SECONDS, AWAY_SECONDS = 5.0, 30.0


def restart(service: str) -> Callable:
    return lambda stack: stack.compose("restart", service)


def kill(service: str) -> Callable:
    def kill_main_process(stack) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can kill the process of a container")
        (container,) = stack.containers(service)
        killed = stack.inspect(container)["State"]["Pid"]
        # Docker starts the container again, as after a crash. After `docker kill`, Docker would not start it again.
        os.kill(killed, signal.SIGKILL)

        def runs_again() -> bool:
            state = stack.inspect(container)["State"]
            return state["Pid"] not in {0, killed} and state["Health"]["Status"] == "healthy"

        wait_until(runs_again, 60, f"{service} is healthy again")

    return kill_main_process


def hang(service: str) -> Callable:
    def pause_for_a_while(stack) -> None:
        (container,) = stack.containers(service)
        docker("pause", container)
        time.sleep(HANG_SECONDS)  # The fault is a pause of this length.
        docker("unpause", container)

    return pause_for_a_while


def reload_nginx(stack) -> None:
    stack.compose("exec", "-T", "nginx", "nginx", "-p", "/srv/nginx", "-c", "nginx.conf", "-s", "reload")


def recreate(service: str) -> Callable:
    return lambda stack: stack.compose("up", "--detach", "--no-deps", "--force-recreate", "--wait", service)


FAULTS = {
    "Redis restarted": restart("redis"),
    "Redis killed": kill("redis"),
    "Redis hangs": hang("redis"),
    "database restarted": restart("db"),
    "database killed": kill("db"),
    "Nginx reloaded": reload_nginx,
    "web recreated": recreate("web"),
    "press recreated": recreate("press"),
    "press killed": kill("press"),
    "press hangs": hang("press"),
    "tasks recreated": recreate("tasks"),
    "Nginx recreated": recreate("nginx"),
    "Nginx killed": kill("nginx"),
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


@pytest.mark.parametrize("fault", ["paused", "stopped"])
async def test_presses_are_called_while_the_database_is_away(fault, stack, stores, replicas, capsys) -> None:
    replicas(2)
    stores = stores[:50]
    (database,) = stack.containers("db")
    # The first press in a store writes the copy of the store into Redis, if the periodic task has not written it yet.
    await one_press_in_each_store(stack, stores)
    away, back = {"paused": ("pause", "unpause"), "stopped": ("stop", "start")}[fault]
    async with Load(stack.url, stores) as load, httpx.AsyncClient(timeout=60) as browser:
        await asyncio.to_thread(docker, away, database)
        try:
            # This time is longer than the time after which a health check finds a service unhealthy.
            await asyncio.sleep(AWAY_SECONDS)
            states = await asyncio.to_thread(stack.states)
            page = await browser.get(f"{stack.url}/s/{stores[0]}/cashier_buttons")
        finally:
            await asyncio.to_thread(docker, back, database)
    with capsys.disabled():
        print(f"\nDatabase {fault}: {load.costs()}")

    assert {press.status for press in load.presses} == {204}, load.costs()
    assert load.faults() == []
    assert {("press", "running", "healthy"), ("web", "running", "healthy")} <= states
    assert page.status_code in {503, 504}


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
