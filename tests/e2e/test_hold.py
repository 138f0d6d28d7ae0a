"""Each call is shown for its whole hold, and calls are shown in the right order, on the screens of two replicas.

The screens are websocket clients without a browser. The tests note the time just before a press, and check that no
number appears or disappears too early after this time. The load test checks that no number appears or disappears too
late.
"""

import asyncio
import re
import time

import pytest

from loadtests.clients.asyncio_screen import open_screen, open_screens
from loadtests.clients.till import Till

pytestmark = pytest.mark.anyio
HOLD_SECONDS = 3.0


def tills(screen) -> list[int]:
    """The numbers that a screen has shown, in their order. 0 stands for the idle text."""
    return [paint.till for paint in screen.painted]


def hold_ms(paint) -> int:
    """The milliseconds for which the page will still show the number, as the fragment says."""
    return int(re.search(r'data-hold-ms="(\d+)"', paint.html)[1])


async def press(till: Till, number: int) -> float:
    """Press a button. Returns the value of `time.monotonic()` just before the press."""
    began = time.monotonic()
    assert (await till.press(number)).status_code == 204
    return began


async def test_a_call_is_shown_for_3_seconds_on_each_of_200_screens_of_two_replicas(topology, make_store) -> None:
    async with Till(topology.url, make_store()) as till:
        screens = await open_screens(topology.url, await till.websocket_path(), 200)
        pressed = await press(till, 4)
        await asyncio.gather(*(screen.until(3, 20) for screen in screens))

        for screen in screens:
            assert tills(screen) == [0, 4, 0]
            assert hold_ms(screen.painted[1]) == HOLD_SECONDS * 1000
            assert screen.painted[2].at >= pressed + HOLD_SECONDS
            screen.close()


async def test_three_presses_in_a_row_are_shown_in_order_for_3_seconds_each(topology, make_store) -> None:
    async with Till(topology.url, make_store()) as till:
        screens = await open_screens(topology.url, await till.websocket_path(), 20)
        pressed = await press(till, 4)
        await press(till, 2)
        await press(till, 1)
        await asyncio.gather(*(screen.until(5, 30) for screen in screens))

        for screen in screens:
            assert tills(screen) == [0, 4, 2, 1, 0]
            for calls_before, paint in enumerate(screen.painted[1:]):
                assert paint.at >= pressed + calls_before * HOLD_SECONDS
            assert [hold_ms(paint) for paint in screen.painted[1:4]] == [HOLD_SECONDS * 1000] * 3
            screen.close()


async def test_with_the_policy_replace_each_press_ends_the_call_before_it(topology, make_store) -> None:
    async with Till(topology.url, make_store(policy="replace")) as till:
        screens = await open_screens(topology.url, await till.websocket_path(), 20)
        await press(till, 4)
        await press(till, 2)
        pressed = await press(till, 1)
        await asyncio.gather(*(screen.until(5, 20) for screen in screens))

        for screen in screens:
            assert tills(screen) == [0, 4, 2, 1, 0]
            assert screen.painted[4].at >= pressed + HOLD_SECONDS
            screen.close()


async def test_a_screen_that_opens_during_a_call_shows_the_call_only_for_the_rest_of_its_hold(
    topology, make_store
) -> None:
    """The screens must open at least one second after the press.

    To wait for this second, the test presses a button in another store, where the hold is one second, and waits until
    the call of the other store has ended.
    """
    second = 1.0
    async with Till(topology.url, make_store()) as till, Till(topology.url, make_store(hold_seconds=second)) as other:
        path = await till.websocket_path()
        (other_screen,) = await open_screens(topology.url, await other.websocket_path(), 1)
        pressed = await press(till, 4)
        await press(other, 1)
        await other_screen.until(3, 20)
        # Nginx distributes the four screens over both replicas, so the test covers both replicas.
        screens = await open_screens(topology.url, path, 4)
        await asyncio.gather(*(screen.until(2, 20) for screen in screens))

        for screen in screens:
            assert tills(screen) == [4, 0]
            assert 0 < hold_ms(screen.painted[0]) <= (HOLD_SECONDS - second / 2) * 1000
            assert screen.painted[1].at >= pressed + HOLD_SECONDS
            screen.close()
        other_screen.close()


async def test_a_screen_that_opens_between_calls_shows_please_wait(topology, make_store) -> None:
    async with Till(topology.url, make_store()) as till:
        (screen,) = await open_screens(topology.url, await till.websocket_path(), 1)

        assert "Please wait" in screen.painted[0].html
        screen.close()


async def test_a_press_makes_a_call_although_its_client_disconnects_before_the_answer(topology, make_store) -> None:
    async with Till(topology.url, make_store()) as till:
        screen = await open_screen(topology.url, await till.websocket_path())
        await screen.until(1, 20)
        _, writer = await asyncio.open_connection("127.0.0.1", topology.port)
        writer.write(till.press_request(4))
        writer.close()
        await screen.until(2, 20)

    assert screen.painted[1].till == 4
    screen.close()
