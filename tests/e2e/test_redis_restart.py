"""Redis is killed and started again. No waiting call and no history is lost, and the screens of a store agree."""

import asyncio
import signal
import time
from functools import partial

import pytest
from redis import Redis

from cashier_core import history, timeline
from cashier_core.call import Policy
from cashier_core.redis_clock import TOLERANCE_MS
from cashier_core.timeline import Timeline
from cashier_local.ports import wait_until
from loadtests.clients.asyncio_screen import open_screens
from loadtests.clients.till import Till
from tests.support.topologies import add_store, wait_until_written

pytestmark = pytest.mark.anyio
OTHER_STORES = [f"other-{number}" for number in range(50)]
RECORD = "cashier:chore:record"


def press_in_other_stores(topology) -> None:
    """Make 1,000 calls whose entries in the history are not moved to the database yet."""
    for slug in OTHER_STORES:
        topology.shell.call("add_store", slug=slug)
    with timeline.connect(topology.environment["REDIS_URL"]) as client:
        # While this key exists, no process runs the periodic task that moves the history to the database.
        client.set(RECORD, 1, ex=60)
        calls = Timeline(client)
        for slug in OTHER_STORES:
            for till in range(1, 21):
                calls.press(slug, till, "en", idle_language="en", hold_ms=60_000, policy=Policy.QUEUE)


async def press_and_get_end(till: Till, number: int) -> float:
    """Press, and return the earliest time at which the screens may remove the number, on the clock of the screens."""
    sent = time.monotonic()
    answer = await till.press(number)
    assert answer.status_code == 204
    receipt = Till.receipt(answer)
    return sent + (receipt["starts_in_ms"] + receipt["hold_ms"]) / 1000


async def test_waiting_calls_and_the_history_survive_if_redis_is_killed(own_topology) -> None:
    async with Till(own_topology.url, add_store(own_topology, hold_seconds=2, tills=9)) as till:
        screens = await open_screens(own_topology.url, await till.websocket_path(), 8)
        await asyncio.to_thread(press_in_other_stores, own_topology)
        ends = [await press_and_get_end(till, number) for number in range(1, 8)]
        await asyncio.to_thread(wait_until_written, own_topology.redis_url)
        lines_before = len(own_topology.log.lines)
        own_topology.processes["redis"].kill(signal.SIGKILL)
        died = "redis | died (signal 9) and is restarted"
        await asyncio.to_thread(wait_until, lambda: own_topology.log.has(died, lines_before), 10, "Redis has died")
        async with asyncio.timeout(20):
            while (answer := await till.press(8)).status_code != 204:
                assert answer.status_code == 503
        assert Till.receipt(answer)["seq"] == 8
        with Redis.from_url(own_topology.redis_url) as client:
            entries = client.xlen(history.KEY)
            client.delete(RECORD)
        late = await open_screens(own_topology.url, await till.websocket_path(), 8)
        await asyncio.gather(*(screen.until(10, 40) for screen in screens))
        await asyncio.gather(*(last_paint_is_idle(screen) for screen in late))

    expected = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0]
    for screen in screens:
        assert [paint.till for paint in screen.painted] == expected
        early = [end - removed.at for end, removed in zip(ends, screen.painted[2:9], strict=True)]
        assert max(early) < TOLERANCE_MS / 1000, early
    for screen in late:
        tills = [paint.till for paint in screen.painted]
        assert tills == expected[-len(tills) :]
    assert entries == 1008
    count = partial(own_topology.shell.call, "count_past_calls")
    await asyncio.to_thread(wait_until, lambda: count() == 1008, 30, "all calls are in the database")
    for screen in [*screens, *late]:
        screen.close()


async def last_paint_is_idle(screen) -> None:
    async with asyncio.timeout(30):
        while not screen.painted or screen.painted[-1].till:
            await screen.until(len(screen.painted) + 1, 30)
