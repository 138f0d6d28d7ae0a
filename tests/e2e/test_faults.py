"""Whatever dies during a call: the reset comes, screens come back, and presses work again."""

import asyncio
import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from cashier_local.ports import answers, wait_until
from cashier_local.topology import responds
from loadtests.clients.asyncio_screen import open_screens
from loadtests.clients.till import Till
from tests.support.topologies import add_store

pytestmark = pytest.mark.anyio


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_a_gunicorn_worker_killed_in_a_call_costs_the_screens_nothing(own_topology) -> None:
    async with Till(own_topology.url, add_store(own_topology)) as till:
        screens = await open_screens(own_topology.url, await till.websocket(), 20)
        await till.press(4)
        await till.press(2)
        for worker in children(own_topology.processes["web"].pid):
            os.kill(worker, signal.SIGKILL)
        await asyncio.gather(*(screen.until(4, 15) for screen in screens))

        for screen in screens:
            assert [paint.till for paint in screen.painted] == [0, 4, 2, 0]
            _, first, second, reset = (paint.at for paint in screen.painted)
            assert (second - first, reset - second) == (pytest.approx(3, abs=0.1), pytest.approx(3, abs=0.1))
            screen.close()
    async with Till(own_topology.url) as till:
        assert (await till.press(1)).status_code == 204


async def test_workers_that_die_over_presses_cost_none_and_double_none(own_topology) -> None:
    """`replace`: a press that was called twice would count twice."""
    async with Till(own_topology.url, add_store(own_topology, policy="replace")) as till:
        (screen,) = await open_screens(own_topology.url, await till.websocket(), 1)
        answers = []
        for number in range(120):
            if number % 30 == 10:
                os.kill(children(own_topology.processes["web"].pid)[0], signal.SIGKILL)
            answers.append(await till.press(number % 4 + 1))
        await screen.until(122, 10)

        assert {answer.status_code for answer in answers} == {204}
        assert [Till.receipt(answer)["seq"] for answer in answers] == list(range(1, 121))
        screen.close()


async def test_replicas_that_were_all_killed_once_take_all_screens_at_once_again(own_topology) -> None:
    """Nginx would hold a failure against a replica until one of its screens ends well, which takes months."""
    async with Till(own_topology.url, add_store(own_topology)) as till:
        path = await till.websocket()
        screens = [*await open_screens(own_topology.url, path, 20)]
        for replica, port in zip(own_topology.replicas, own_topology.ws_ports, strict=True):
            pid = replica.pid
            replica.kill(signal.SIGKILL)
            await asyncio.to_thread(wait_until, lambda port=port: not answers(port), 5, "it is gone")
            screens += await open_screens(own_topology.url, path, 20)  # refused by it while it is down
            up = partial(responds, f"http://127.0.0.1:{port}/healthz")
            await asyncio.to_thread(
                wait_until, lambda pid=pid, each=replica, up=up: each.pid != pid and up(), 20, "it is back"
            )
        screens += await open_screens(own_topology.url, path, 40)

        for screen in screens:
            screen.close()


async def test_a_replica_killed_is_started_again_and_the_other_one_takes_its_screens(own_topology) -> None:
    async with Till(own_topology.url, add_store(own_topology)) as till:
        path = await till.websocket()
        screens = await open_screens(own_topology.url, path, 20)
        await till.press(4)
        await asyncio.gather(*(screen.until(2, 5) for screen in screens))
        own_topology.replicas[0].kill(signal.SIGKILL)
        killed = time.monotonic()
        open_still = await asyncio.gather(*(is_open(screen) for screen in screens))
        lost = [screen for screen, still in zip(screens, open_still, strict=True) if not still]
        assert 5 <= len(lost) <= 15, "both replicas have screens"
        back = await open_screens(own_topology.url, path, len(lost))
        assert time.monotonic() - killed < 3
        await asyncio.gather(*(screen.until(2, 5) for screen in back))

        assert all([paint.till for paint in screen.painted] == [4, 0] for screen in back)
        for screen in [*screens, *back]:
            screen.close()
    assert own_topology.log.has("ws1 | died (signal 9) and is started again")
    await asyncio.to_thread(wait_until, lambda: own_topology.replicas[0].alive, 10, "the replica is back")


async def is_open(screen) -> bool:
    try:
        return await screen.until_closed(0.5) is None
    except TimeoutError:
        return True


async def test_redis_killed_presses_get_503_and_reach_every_screen_within_3_s_of_its_return(own_topology) -> None:
    async with Till(own_topology.url, add_store(own_topology)) as till:
        screens = await open_screens(own_topology.url, await till.websocket(), 20)
        await till.press(4)
        await asyncio.gather(*(screen.until(3, 8) for screen in screens))
        redis = own_topology.processes["redis"]
        await asyncio.to_thread(redis.stop, signal.SIGKILL)
        refused = [await till.press(2) for _ in range(3)]
        assert {answer.status_code for answer in refused} == {503}
        assert "can't be reached" in refused[0].text

        await asyncio.to_thread(redis.start)
        returned = time.monotonic()
        while (answer := await till.press(1)).status_code != 204:
            assert answer.status_code == 503
        await asyncio.gather(*(screen.until(4, 8) for screen in screens))

        for screen in screens:
            assert [paint.till for paint in screen.painted] == [0, 4, 0, 1]
            assert screen.painted[3].at - returned < 3
            screen.close()


async def test_nothing_of_it_left_a_traceback(own_topology) -> None:
    tracebacks = [line for line in own_topology.log.lines if "Traceback" in line]

    assert tracebacks == []
