"""A screen shows each call for its hold, and the idle text between calls.

Each test runs behind Daphne and behind uvicorn, because a replica sends frames in a different way behind each of them.
The tests check the order of the texts on the screen, and that no call ends before its hold is over. The hold counts
from a moment just before the press. These tests do not check how late a text appears; the load test does.
"""

import asyncio
import re
import time

import pytest

from cashier_core.call import Policy
from cashier_core.idle import Idle
from loadtests.clients.asyncio_screen import open_screen, open_screens
from tests.support.ws_server import path_of

pytestmark = pytest.mark.anyio


def hold_ms_of(paint) -> int:
    """The milliseconds for which the page will still show the number, as the fragment says."""
    return int(re.search(r'data-hold-ms="(\d+)"', paint.html)[1])


async def test_an_idle_screen_is_painted_at_once_with_please_wait(server, store) -> None:
    screen = await open_screen(server.url, path_of(store, language="fr"))
    await screen.until(1, 5)

    assert "Veuillez patienter" in screen.painted[0].html
    assert screen.painted[0].till == 0
    screen.close()


async def test_a_call_is_shown_for_its_hold_and_then_the_idle_text_returns(server, store, press) -> None:
    screens = await open_screens(server.url, path_of(store), 5)
    pressed = time.monotonic()
    press(4, hold_ms=1000)
    for screen in screens:
        await screen.until(3, 5)

    for screen in screens:
        _, shown, reset = screen.painted
        assert (shown.till, reset.till) == (4, 0)
        # A replica that builds the frame late announces a shorter hold.
        assert 1000 - (shown.at - pressed) * 1000 - 1 <= hold_ms_of(shown) <= 1000
        assert reset.at - pressed >= 1.0
        screen.close()


async def test_a_screen_that_opens_during_a_call_shows_the_rest_of_it(server, store, press) -> None:
    first = await open_screen(server.url, path_of(store))
    await first.until(1, 5)
    press(4, hold_ms=1500)
    await first.until(2, 5)
    opened = time.monotonic()
    second = await open_screen(server.url, path_of(store))
    await second.until(2, 5)
    await first.until(3, 5)

    assert [paint.till for paint in second.painted] == [4, 0]
    shown_for_ms = (opened - first.painted[1].at) * 1000
    assert hold_ms_of(second.painted[0]) <= 1500 - shown_for_ms + 1
    assert [paint.till for paint in first.painted] == [0, 4, 0]
    first.close()
    second.close()


async def test_the_first_screen_of_a_store_shows_the_current_call(server, store, press) -> None:
    pressed = time.monotonic()
    press(4, hold_ms=1500)
    screen = await open_screen(server.url, path_of(store))
    await screen.until(2, 5)

    assert [paint.till for paint in screen.painted] == [4, 0]
    # A snapshot contains only whole milliseconds, so the call may end slightly too early. The test allows 10 ms.
    assert screen.painted[1].at - pressed >= 1.5 - 0.01
    screen.close()


async def test_calls_follow_each_other_without_please_wait_between(server, store, press) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
    pressed = time.monotonic()
    for till in (4, 2, 7):
        press(till, hold_ms=500)
    await screen.until(5, 5)

    assert [paint.till for paint in screen.painted] == [0, 4, 2, 7, 0]
    for calls_before, paint in enumerate(screen.painted[1:]):
        assert paint.at - pressed >= 0.5 * calls_before
    screen.close()


async def test_a_call_that_replaces_another_is_shown_for_its_whole_hold(server, store, press) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
    for till in (4, 2, 7):
        pressed = time.monotonic()
        press(till, hold_ms=1000, policy=Policy.REPLACE)
    async with asyncio.timeout(10):
        while screen.painted[-1].till != 7:
            await screen.until(len(screen.painted) + 1, 10)
    count = len(screen.painted)
    await screen.until(count + 1, 5)

    shown, reset = screen.painted[-2:]
    assert (shown.till, reset.till) == (7, 0)
    assert reset.at - pressed >= 1.0
    screen.close()


async def test_a_change_of_language_repaints_the_idle_text_and_not_a_call(server, store, press) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
    press.timeline.set_idle({store: Idle("fr")})
    await screen.until(2, 5)
    assert "Veuillez patienter" in screen.painted[1].html

    pressed = time.monotonic()
    press(4, hold_ms=1000, idle_language="fr")
    await screen.until(3, 5)
    press.timeline.set_idle({store: Idle("en")})
    await screen.until(4, 5)

    shown, reset = screen.painted[2:]
    assert (shown.till, reset.till) == (4, 0)
    assert reset.at - pressed >= 1.0
    assert "Please wait" in reset.html
    screen.close()


async def test_a_store_that_closes_shows_the_notice_when_its_call_is_over(server, store, press) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
    pressed = time.monotonic()
    press(4, hold_ms=1000, label="Pharmacy")
    await screen.until(2, 5)
    press.timeline.set_idle({store: Idle("en", "Closed until 9")})
    await screen.until(3, 5)
    late = await open_screen(server.url, path_of(store))
    await late.until(1, 5)
    press.timeline.set_idle({store: Idle("en")})
    await screen.until(4, 5)

    _first, shown, closed, reopened = screen.painted
    assert ">Pharmacy<" in shown.html
    assert closed.at - pressed >= 1.0
    assert ">Closed until 9<" in closed.html
    assert ">Closed until 9<" in late.painted[0].html
    assert ">Please wait<" in reopened.html
    screen.close()
    late.close()


async def test_a_screen_of_another_store_is_not_repainted(server, store, press) -> None:
    other = await open_screen(server.url, path_of(f"{store}-2"))
    screen = await open_screen(server.url, path_of(store))
    await other.until(1, 5)
    await screen.until(1, 5)
    press(4, hold_ms=1000)
    await screen.until(3, 5)

    assert len(other.painted) == 1
    other.close()
    screen.close()


async def test_a_store_works_again_after_all_its_screens_have_left(server, store, press) -> None:
    for hold_ms in (1000, 1000):
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        press(4, hold_ms=hold_ms)
        await screen.until(3, 5)
        assert [paint.till for paint in screen.painted] == [0, 4, 0]
        screen.close()
