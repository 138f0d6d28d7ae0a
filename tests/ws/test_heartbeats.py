"""A replica sends a heartbeat to each screen every 15 s, or more often if screens shall notice a dead line earlier."""

import asyncio
from collections import Counter

import pytest

from cashier_core.call import Policy
from cashier_ws.boards.frames import Frame
from cashier_ws.boards.heartbeats import GROUPS, HEARTBEAT, PERIODS, Heartbeats
from loadtests.clients.asyncio_screen import open_screen
from tests.support.ws_server import path_of, serve

pytestmark = pytest.mark.anyio
PERIOD_SECONDS = 40 / PERIODS
"""The time between two heartbeats with the default settings."""
FRAMES = 1500
"""More frames than all socket buffers of a screen hold."""


class CountingScreen:
    """A screen that counts its heartbeats."""

    def __init__(self) -> None:
        self.beats = 0
        self.has_three_beats = asyncio.Event()

    def send_if_clear(self, frame: Frame) -> None:
        self.beats += 1
        if self.beats == 3:
            self.has_three_beats.set()


class FailingScreen(CountingScreen):
    """A screen that counts its heartbeats, and raises an exception at each of them."""

    def send_if_clear(self, frame: Frame) -> None:
        super().send_if_clear(frame)
        raise RuntimeError("this screen fails")


async def test_a_screen_that_sends_nothing_gets_a_heartbeat(server, store) -> None:
    screen = await open_screen(server.url, path_of(store))

    assert await screen.until_answered(PERIOD_SECONDS + 5) == HEARTBEAT.text.encode()
    screen.close()


async def test_more_heartbeats_are_sent_if_screens_accept_less_silence(valkey, tmp_path, store) -> None:
    with serve("daphne", valkey.url, tmp_path, CASHIER_SILENCE_SECONDS="5") as server:
        screen = await open_screen(server.url, path_of(store))
        await screen.until_true(lambda: len(screen.answers) >= 2, 8)
        screen.close()


async def test_a_stuck_screen_gets_the_newest_frame_and_no_heartbeat_instead(valkey, tmp_path, store, press) -> None:
    with serve("daphne", valkey.url, tmp_path, CASHIER_STUCK_SECONDS="60") as server:
        stuck, other = [await open_screen(server.url, path_of(store), buffer=size) for size in (4096, None)]
        await stuck.until(1, 5)
        stuck.pause()
        for number in range(FRAMES):
            await asyncio.to_thread(press, number % 9 + 1, hold_ms=60_000, policy=Policy.REPLACE)
        # From now on, the screen is stuck. A heartbeat that it got before is still in the buffers.
        before = len(other.answers)
        await other.until_true(lambda: len(other.answers) > before, PERIOD_SECONDS + 5)
        # Both screens have connected together, so their heartbeats are one turn apart.
        await asyncio.sleep(3 * PERIOD_SECONDS / GROUPS)
        stuck.resume()
        await stuck.until_true(lambda: stuck.painted[-1].seq == FRAMES, 10)

        assert len(stuck.answers) <= before
        stuck.close()
        other.close()


async def test_heartbeats_continue_although_one_screen_fails() -> None:
    all_heartbeats, screens, failing = Heartbeats(0.8), [CountingScreen() for _ in range(GROUPS)], FailingScreen()
    for screen in (failing, *screens):
        all_heartbeats.join(screen)
    all_heartbeats.start()
    async with asyncio.timeout(20):
        await screens[-1].has_three_beats.wait()

    assert {screen.beats for screen in (failing, *screens)} <= {2, 3}


async def test_heartbeats_are_spread_evenly_over_time() -> None:
    heartbeats_of_all, screens = Heartbeats(0.0), [CountingScreen() for _ in range(3 * GROUPS)]
    for screen in screens:
        heartbeats_of_all.join(screen)
    for screen in screens[:GROUPS]:
        heartbeats_of_all.leave(screen)
    sent_before = 0
    for turn in range(GROUPS):
        heartbeats_of_all._send_to_next_group(0.0)
        sent = sum(screen.beats for screen in screens)
        assert sent - sent_before == 2, f"turn {turn}"
        sent_before = sent

    assert Counter(screen.beats for screen in screens) == {0: GROUPS, 1: 2 * GROUPS}
