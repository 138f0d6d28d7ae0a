"""The primary Redis is killed for ever while cashiers press. Every call that was acknowledged is shown once, whole."""

import asyncio
import signal
import time
from dataclasses import dataclass
from itertools import pairwise

import pytest

from loadtests.clients.asyncio_screen import AsyncioScreen, open_screens
from loadtests.clients.till import Till
from tests.support.topologies import add_store

pytestmark = pytest.mark.anyio
STORES = 12
PRESSES = 6
"""How many presses each store gets, one in each hold, and each for another till."""
KILLED_AFTER = 2
"""The primary is killed after this many presses of each store."""
HOLD_SECONDS = 3.0
MOST_REFUSED_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Press:
    """A press: the store, the number of the till, the status of the answer, and when the answer arrived."""

    store: int
    number: int
    status: int
    at: float


async def press_everywhere(till: Till, slugs: list[str], number: int) -> list[Press]:
    """Press for the same till in all stores, one store after another within a hold."""

    async def press(index: int, slug: str) -> Press:
        await asyncio.sleep(index / len(slugs) * HOLD_SECONDS)
        answer = await till.in_store(slug).press(number)
        return Press(index, number, answer.status_code, time.monotonic())

    return await asyncio.gather(*(press(index, slug) for index, slug in enumerate(slugs)))


def shown(screen: AsyncioScreen) -> list[tuple[int, float]]:
    """Return the numbers that a screen has shown, and for how many seconds."""
    return [(paint.till, after.at - paint.at) for paint, after in pairwise(screen.painted) if paint.till]


async def test_every_acknowledged_call_is_shown_once_and_whole(redis_group, run_topology, tmp_path) -> None:
    presses: list[Press] = []
    with run_topology(tmp_path / "topology", REDIS_URL=redis_group.url) as topology:
        slugs = [add_store(topology, tills=PRESSES, hold_seconds=HOLD_SECONDS) for _ in range(STORES)]
        async with Till(topology.url, slugs[0]) as till:
            paths = [await till.in_store(slug).websocket_path() for slug in slugs]
            screens = [await open_screens(topology.url, path, 2) for path in paths]
            for number in range(1, PRESSES + 1):
                if number == KILLED_AFTER + 1:
                    killed = time.monotonic()
                    redis_group.primary().stop(signal.SIGKILL)
                presses += await press_everywhere(till, slugs, number)
            async with asyncio.timeout(60):
                for screen in [each for of_store in screens for each in of_store]:
                    while screen.painted[-1].till != 0:
                        await screen.until(len(screen.painted) + 1, 60)
    acknowledged = [press for press in presses if press.status == 204]
    refused = [press for press in presses if press.status != 204]

    assert {press.status for press in refused} <= {503, 504}
    assert len(acknowledged) >= STORES * (KILLED_AFTER + 1)
    assert min(press.at for press in acknowledged if press.at > killed) - killed < MOST_REFUSED_SECONDS
    for index, of_store in enumerate(screens):
        expected = [press.number for press in acknowledged if press.store == index]
        possible = {press.number for press in refused if press.store == index}
        for screen in of_store:
            numbers = [number for number, _seconds in shown(screen)]
            assert [number for number in numbers if number not in possible] == expected
            assert len(set(numbers)) == len(numbers), "a call was shown twice"
            assert min(seconds for _number, seconds in shown(screen)) > HOLD_SECONDS * 0.9
