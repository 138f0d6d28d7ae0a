"""The 3 seconds, measured on raw screens behind Nginx and two replicas."""

import asyncio
import time
from itertools import pairwise

import pytest

from loadtests.clients.asyncio_screen import open_screen, open_screens
from loadtests.clients.till import Till

pytestmark = pytest.mark.anyio


def numbers(screen) -> list[int]:
    return [paint.till for paint in screen.painted]


def holds(screen) -> list[float]:
    """Seconds between each paint and the next, without the one it was opened with."""
    return [later.at - earlier.at for earlier, later in pairwise(screen.painted[1:])]


async def test_the_hold_is_3_seconds_on_each_of_200_screens_over_two_replicas(topology, make_store) -> None:
    async with Till(topology.url, make_store()) as till:
        screens = await open_screens(topology.url, await till.websocket(), 200)
        assert (await till.press(4)).status_code == 204
        await asyncio.gather(*(screen.until(3, 10) for screen in screens))

        for screen in screens:
            assert numbers(screen) == [0, 4, 0]
            assert holds(screen)[0] == pytest.approx(3.0, abs=0.05)
            screen.close()


async def test_three_presses_at_once_are_each_up_for_3_seconds_in_order_on_every_screen(topology, make_store) -> None:
    async with Till(topology.url, make_store()) as till:
        screens = await open_screens(topology.url, await till.websocket(), 20)
        started = time.monotonic()
        for cashier in (4, 2, 1):
            assert (await till.press(cashier)).status_code == 204
        assert time.monotonic() - started < 0.5  # 0.03 on a quiet machine; within the first hold on any
        await asyncio.gather(*(screen.until(5, 15) for screen in screens))

        for screen in screens:
            assert numbers(screen) == [0, 4, 2, 1, 0]
            assert holds(screen) == pytest.approx([3.0] * 3, abs=0.05)
            screen.close()


async def test_of_three_presses_on_a_replace_store_the_last_wins_and_is_whole(topology, make_store) -> None:
    async with Till(topology.url, make_store(policy="replace")) as till:
        screens = await open_screens(topology.url, await till.websocket(), 20)
        for cashier in (4, 2, 1):
            assert (await till.press(cashier)).status_code == 204
        await asyncio.gather(*(screen.until(5, 10) for screen in screens))

        for screen in screens:
            assert numbers(screen) == [0, 4, 2, 1, 0]
            assert holds(screen)[-1] == pytest.approx(3.0, abs=0.05)
            screen.close()


async def test_a_screen_opened_1_2_s_into_a_call_shows_it_for_the_remaining_1_8_s(topology, make_store) -> None:
    async with Till(topology.url, make_store()) as till:
        path = await till.websocket()
        first = await open_screen(topology.url, path)
        await first.until(1, 5)
        await till.press(4)
        await first.until(2, 5)
        with pytest.raises(TimeoutError):
            await first.until(3, first.painted[1].at + 1.2 - time.monotonic())
        late = await open_screens(topology.url, path, 4)  # on both replicas
        await asyncio.gather(*(screen.until(2, 5) for screen in late))

        for screen in late:
            assert numbers(screen) == [4, 0]
            assert screen.painted[1].at - screen.painted[0].at == pytest.approx(1.8, abs=0.1)
            screen.close()
        first.close()


async def test_a_screen_opened_while_idle_says_please_wait(topology, make_store) -> None:
    async with Till(topology.url, make_store()) as till:
        screen = await open_screen(topology.url, await till.websocket())
        await screen.until(1, 5)

        assert "Please wait" in screen.painted[0].html
        screen.close()


async def test_a_till_that_does_not_wait_for_the_answer_calls_as_any_other(topology, make_store) -> None:
    store = make_store()
    async with Till(topology.url, store) as till:
        screen = await open_screen(topology.url, await till.websocket())
        await screen.until(1, 5)
        _, writer = await asyncio.open_connection("127.0.0.1", topology.port)
        writer.write(till.request(4))
        writer.close()
        await screen.until(2, 5)

    assert screen.painted[1].till == 4
    screen.close()
