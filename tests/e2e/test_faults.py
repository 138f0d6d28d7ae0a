"""Processes are killed during a call. The call still ends, screens can connect again, and later presses work."""

import asyncio
import os
import re
import signal
import time
from functools import partial
from pathlib import Path

import httpx
import pytest

from cashier_local.ports import answers, responds, wait_until
from loadtests.clients.asyncio_screen import open_screens
from loadtests.clients.till import Till
from tests.support.topologies import TopologyUnderTest, add_store

pytestmark = pytest.mark.anyio
HOLD_SECONDS = 3.0


@pytest.fixture(autouse=True)
def logs_no_traceback(own_topology):
    """Fail the test if one of the processes has logged a traceback during the test."""
    lines_before = len(own_topology.log.lines)
    yield
    assert not own_topology.log.has("Traceback", lines_before), "\n".join(own_topology.log.lines[lines_before:])


def children(pid: int) -> list[int]:
    """Return the process ids of the children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def ready_workers(topology: TopologyUnderTest) -> list[int]:
    """Return the process ids of the worker processes of `press` that accept requests, the oldest first."""
    return [
        worker
        for worker in children(topology.processes["press"].pid)
        if topology.log.has(f"worker process {worker} accepts requests")
    ]


def screens_opened(port: int) -> int:
    """The number of screens that the replica on this port has accepted since its start."""
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    return int(float(re.search(r"^cashier_screens_opened_total (\S+)", metrics, re.MULTILINE)[1]))


def tills(screen) -> list[int]:
    """The numbers that a screen has shown, in their order. 0 stands for the idle text."""
    return [paint.till for paint in screen.painted]


async def test_web_workers_that_die_during_a_call_do_not_change_the_call(own_topology) -> None:
    async with Till(own_topology.url, add_store(own_topology)) as till:
        screens = await open_screens(own_topology.url, await till.websocket_path(), 20)
        pressed = time.monotonic()
        await till.press(4)
        await till.press(2)
        for name in ("web", "press"):
            for worker in children(own_topology.processes[name].pid):
                os.kill(worker, signal.SIGKILL)
        await asyncio.gather(*(screen.until(4, 30) for screen in screens))

        for screen in screens:
            assert tills(screen) == [0, 4, 2, 0]
            assert screen.painted[2].at >= pressed + HOLD_SECONDS
            assert screen.painted[3].at >= pressed + 2 * HOLD_SECONDS
            screen.close()
    # A new worker process needs seconds to start if other tests use all cores.
    for port in (own_topology.web_port, own_topology.press_port):
        answers_again = partial(responds, f"http://127.0.0.1:{port}/healthz")
        await asyncio.to_thread(wait_until, answers_again, 60, "a new worker process answers")
    async with Till(own_topology.url) as till:
        assert (await till.press(1)).status_code == 204


async def test_a_press_whose_worker_dies_is_answered_and_makes_one_call(own_topology) -> None:
    """The policy is `replace`, so every press makes a call at once.

    If web made two calls for one press, the next call would have a higher seq than expected.
    """
    async with Till(own_topology.url, add_store(own_topology, policy="replace")) as till:
        (screen,) = await open_screens(own_topology.url, await till.websocket_path(), 1)
        responses = []
        for number in range(120):
            is_killed = number % 30 == 10
            if is_killed:
                # If the only ready worker process were killed, the press would wait until another one has started.
                two_are_ready = partial(
                    wait_until, lambda: len(ready_workers(own_topology)) > 1, 30, "two workers are ready"
                )
                await asyncio.to_thread(two_are_ready)
            press = asyncio.create_task(till.press(number % 4 + 1))
            if is_killed:
                # The press is sent while the worker process is killed.
                await asyncio.to_thread(os.kill, ready_workers(own_topology)[0], signal.SIGKILL)
            responses.append(await press)
        await screen.until(122, 30)

        assert {response.status_code for response in responses} == {204}
        assert [Till.receipt(response)["seq"] for response in responses] == list(range(1, 121))
        screen.close()


async def test_a_device_whose_press_web_does_not_answer_is_told_that_it_possibly_called_nobody(own_topology) -> None:
    slug = add_store(own_topology)
    (token,) = own_topology.shell.call("add_devices", store=slug)
    workers = children(own_topology.processes["press"].pid)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        answer = await asyncio.to_thread(
            httpx.post,
            f"{own_topology.url}/api/v1/stores/{slug}/calls",
            json={"till": 4},
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)

    assert (answer.status_code, answer.headers["Content-Type"]) == (504, "application/json")
    assert "possibly called nobody. Look at the screen." in answer.json()["detail"]


async def test_nginx_uses_a_restarted_replica_again_at_once(own_topology) -> None:
    """Nginx must not count the failures of a replica, so its configuration contains `max_fails=0`.

    If Nginx counted failures, a replica that has failed would get almost no new screens until one of its later
    connections has ended. This may take months, because a screen keeps its connection for months.
    """
    async with Till(own_topology.url, add_store(own_topology)) as till:
        path = await till.websocket_path()
        screens = [*await open_screens(own_topology.url, path, 20)]
        for replica, port in zip(own_topology.replicas, own_topology.ws_ports, strict=True):
            pid = replica.pid
            replica.kill(signal.SIGKILL)
            await asyncio.to_thread(wait_until, lambda port=port: not answers(port), 20, "the replica has ended")
            # The killed replica refuses connections, so Nginx fails when it tries to connect new screens to this
            # replica.
            screens += await open_screens(own_topology.url, path, 20)
            is_up = partial(responds, f"http://127.0.0.1:{port}/healthz")
            await asyncio.to_thread(
                wait_until,
                lambda pid=pid, replica=replica, is_up=is_up: replica.pid != pid and is_up(),
                30,
                "the replica is back",
            )
        screens += await open_screens(own_topology.url, path, 40)

        assert all(screens_opened(port) for port in own_topology.ws_ports)
        for screen in screens:
            screen.close()


async def test_a_killed_replica_is_started_again_and_the_other_replica_takes_its_screens(own_topology) -> None:
    async with Till(own_topology.url, add_store(own_topology, hold_seconds=6)) as till:
        path = await till.websocket_path()
        before = [screens_opened(port) for port in own_topology.ws_ports]
        screens = await open_screens(own_topology.url, path, 20)
        per_replica = [screens_opened(port) - count for port, count in zip(own_topology.ws_ports, before, strict=True)]
        assert sum(per_replica) == 20
        assert all(per_replica), "Nginx gave all screens to one replica"
        await till.press(4)
        await asyncio.gather(*(screen.until(2, 20) for screen in screens))
        lines_before = len(own_topology.log.lines)
        own_topology.replicas[0].kill(signal.SIGKILL)
        died = "ws1 | died (signal 9) and is restarted"
        await asyncio.to_thread(wait_until, lambda: own_topology.log.has(died, lines_before), 20, "ws1 has died")
        back = await open_screens(own_topology.url, path, per_replica[0])
        await asyncio.gather(*(screen.until(2, 20) for screen in back))
        # `until(3, 20)` waits up to 20 s for the third paint of a screen. The screens of the killed replica get no
        # third paint, but their websockets are closed. `until` returns when the websocket is closed, so the test does
        # not wait for 20 s.
        await asyncio.gather(*(screen.until(3, 20) for screen in screens))

        assert all(tills(screen) == [4, 0] for screen in back)
        assert sum(screen.closed is not None for screen in screens) == per_replica[0]
        for screen in [*screens, *back]:
            screen.close()
    await asyncio.to_thread(wait_until, lambda: own_topology.replicas[0].alive, 20, "the replica is back")


async def test_while_redis_is_down_presses_get_503_and_after_its_return_calls_reach_every_screen(own_topology) -> None:
    async with Till(own_topology.url, add_store(own_topology)) as till:
        screens = await open_screens(own_topology.url, await till.websocket_path(), 20)
        await till.press(4)
        await asyncio.gather(*(screen.until(3, 20) for screen in screens))
        redis = own_topology.processes["redis"]
        await asyncio.to_thread(redis.stop, signal.SIGKILL)
        refused = [await till.press(2) for _ in range(3)]
        assert {response.status_code for response in refused} == {503}
        assert "cannot be reached" in refused[0].text

        await asyncio.to_thread(redis.start)
        async with asyncio.timeout(20):
            while (response := await till.press(1)).status_code != 204:
                assert response.status_code == 503
        await asyncio.gather(*(screen.until(4, 20) for screen in screens))

        for screen in screens:
            assert tills(screen)[:4] == [0, 4, 0, 1]
            screen.close()
