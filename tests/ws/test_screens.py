"""What a screen is shown, behind Daphne with our frames and behind another ASGI server alike."""

import time
from itertools import pairwise

import pytest

from cashier_core.call import Policy
from cashier_core.idle import Idle
from loadtests.clients.asyncio_screen import open_screen, open_screens
from tests.support.ws_server import path_of

pytestmark = pytest.mark.anyio


async def test_an_idle_screen_is_painted_at_once_with_please_wait(server, store) -> None:
    screen = await open_screen(server.url, path_of(store, language="fr"))
    await screen.until(1, 5)

    assert "Veuillez patienter" in screen.painted[0].html
    assert screen.painted[0].till == 0
    screen.close()


async def test_a_call_is_shown_for_its_hold_and_then_waiting_returns(server, store, press) -> None:
    screens = await open_screens(server.url, path_of(store), 5)
    press(4, hold_ms=1000)
    for screen in screens:
        await screen.until(3, 5)

    for screen in screens:
        _, shown, reset = screen.painted
        assert (shown.till, reset.till) == (4, 0)
        assert 'data-hold-ms="1000"' in shown.html
        assert abs(reset.at - shown.at - 1.0) < 0.05
        screen.close()


async def test_a_screen_that_opens_in_a_call_shows_what_is_left_of_it(server, store, press) -> None:
    first = await open_screen(server.url, path_of(store))
    await first.until(1, 5)
    press(4, hold_ms=1500)
    await first.until(2, 5)
    second = await open_screen(server.url, path_of(store))
    await second.until(2, 5)
    await first.until(3, 5)

    assert [paint.till for paint in second.painted] == [4, 0]
    assert abs(second.painted[1].at - first.painted[2].at) < 0.05
    first.close()
    second.close()


async def test_the_first_screen_of_a_store_finds_the_call_that_is_up(server, store, press) -> None:
    press(4, hold_ms=1500)
    pressed = time.monotonic()
    screen = await open_screen(server.url, path_of(store))
    await screen.until(2, 5)

    assert [paint.till for paint in screen.painted] == [4, 0]
    assert abs(screen.painted[1].at - pressed - 1.5) < 0.1
    screen.close()


async def test_calls_follow_each_other_without_please_wait_between(server, store, press) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
    for till in (4, 2, 7):
        press(till, hold_ms=500)
    await screen.until(5, 5)

    assert [paint.till for paint in screen.painted] == [0, 4, 2, 7, 0]
    times = [paint.at for paint in screen.painted[1:]]
    assert all(0.45 < later - earlier < 0.6 for earlier, later in pairwise(times))
    screen.close()


async def test_a_call_that_replaces_takes_over_and_has_its_whole_hold(server, store, press) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
    for till in (4, 2, 7):
        press(till, hold_ms=1000, policy=Policy.REPLACE)
    while screen.painted[-1].till != 7:
        await screen.until(len(screen.painted) + 1, 5)
    count = len(screen.painted)
    await screen.until(count + 1, 5)

    shown, reset = screen.painted[-2:]
    assert (shown.till, reset.till) == (7, 0)
    assert abs(reset.at - shown.at - 1.0) < 0.05
    screen.close()


async def test_a_change_of_language_repaints_waiting_and_leaves_a_call_alone(server, store, press) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
    press.timeline.set_idle({store: Idle("fr")})
    await screen.until(2, 5)
    assert "Veuillez patienter" in screen.painted[1].html

    press(4, hold_ms=1000, idle_language="fr")
    await screen.until(3, 5)
    press.timeline.set_idle({store: Idle("en")})
    await screen.until(4, 5)

    shown, reset = screen.painted[2:]
    assert abs(reset.at - shown.at - 1.0) < 0.05
    assert "Please wait" in reset.html
    screen.close()


async def test_a_store_that_closes_says_so_when_its_call_is_over(server, store, press) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
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
    assert abs(closed.at - shown.at - 1.0) < 0.05
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


async def test_a_store_whose_screens_all_left_works_again_for_the_next(server, store, press) -> None:
    for hold_ms in (1000, 1000):
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        press(4, hold_ms=hold_ms)
        await screen.until(3, 5)
        assert [paint.till for paint in screen.painted] == [0, 4, 0]
        screen.close()
        # Longer than a repair round, in which the replica forgets a board without screens.
        leaving = await open_screen(server.url, path_of(f"{store}-other"))
        with pytest.raises(TimeoutError):
            await leaving.until(2, 1.5)
        leaving.close()
