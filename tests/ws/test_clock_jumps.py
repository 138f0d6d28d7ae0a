"""The clock of Redis is set forward or back by an hour while calls wait, and no screen shows a difference.

The tests need libfaketime, which gives a real Valkey a clock that a test can set. The clock of this machine is not set.
"""

import asyncio
import time
from pathlib import Path

import pytest
from redis import Redis

from cashier_core import timeline
from cashier_core.call import Policy
from cashier_core.idle import Idle
from cashier_core.redis_clock import TOLERANCE_MS
from cashier_core.timeline import Timeline
from cashier_local.ports import wait_until
from loadtests.clients.asyncio_screen import open_screen
from tests.support.topologies import Log, Valkey
from tests.support.ws_server import path_of, serve

LIBRARY = next(iter(sorted(Path("/usr/lib").glob("**/libfaketimeMT.so.1"))), None)
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed: apt-get install libfaketime"),
]
HOUR = 3600


class ValkeyWithClock(Valkey):
    """A Valkey whose clock is ahead of the clock of this machine by a number of seconds, which a test can change."""

    def __init__(self, folder: Path) -> None:
        self._offset = folder / "offset"
        self._offset.write_text("+0")
        clock = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        super().__init__(folder, Log(), clock)

    def set_ahead(self, seconds: int) -> None:
        self._offset.write_text(f"{seconds:+d}")
        with Redis.from_url(self.url) as client:
            wait_until(lambda: abs(client.time()[0] - time.time() - seconds) < 2, 5, "the clock of Redis is set")


@pytest.fixture
def own_valkey(tmp_path):
    server = ValkeyWithClock(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def web(own_valkey):
    with timeline.connect(own_valkey.web_url) as client:
        yield Timeline(client)


HOLD_SECONDS = 1.5
TOLERANCE_SECONDS = TOLERANCE_MS / 1000
"""The timeline's clock may be wrong by up to this many seconds after web or ws has corrected it."""


def press(web, store, till):
    return web.press(store, till, "en", idle_language="en", hold_ms=int(HOLD_SECONDS * 1000), policy=Policy.QUEUE)


def press_and_get_end(web, store, till) -> tuple[float, float]:
    """Press, and return the earliest and the latest time at which the call may end, on the clock of the screens."""
    sent = time.monotonic()
    until_end = press(web, store, till).starts_in_ms / 1000 + HOLD_SECONDS
    return sent + until_end, time.monotonic() + until_end


@pytest.mark.parametrize("jump", [HOUR, -HOUR, 7 * 24 * HOUR], ids=["forward", "back", "by a week"])
@pytest.mark.parametrize("presses_at_once", [True, False], ids=["a press at once", "no press at once"])
async def test_calls_continue_when_the_clock_of_redis_is_set_and_set_back(
    own_valkey, tmp_path, store, web, jump, presses_at_once
) -> None:
    with serve("daphne", own_valkey.url, tmp_path) as server, serve("daphne", own_valkey.url, tmp_path) as other_server:
        screens = [await open_screen(each.url, path_of(store)) for each in (server, other_server)]
        for screen in screens:
            await screen.until(1, 5)
        ends = [press_and_get_end(web, store, till) for till in (1, 2, 3)]
        await screens[0].until(2, 5)
        await asyncio.to_thread(own_valkey.set_ahead, jump)
        if not presses_at_once:
            await screens[0].until(3, 5)
        ends.append(press_and_get_end(web, store, 4))
        web.set_idle({store: Idle("fr")})
        await asyncio.to_thread(own_valkey.set_ahead, 0)
        ends.append(press_and_get_end(web, store, 5))
        # This screen is the first of its store on its replica after the clock was set.
        for screen in screens:
            await screen.until(7, 20)

        for screen in screens:
            assert [paint.till for paint in screen.painted] == [0, 1, 2, 3, 4, 5, 0]
            early = [earliest - removed.at for (earliest, _), removed in zip(ends, screen.painted[2:], strict=True)]
            assert max(early) < TOLERANCE_SECONDS, early
        # The five calls follow one another without a pause.
        assert ends[-1][0] < ends[0][1] + 4 * HOLD_SECONDS + TOLERANCE_SECONDS
        assert press(web, store, 6).outcome == "called"
        for screen in screens:
            await screen.until(9, 5)
            assert [paint.till for paint in screen.painted[7:]] == [6, 0]
            screen.close()


async def test_a_board_follows_redis_within_a_second_if_nobody_noticed_that_the_clock_was_set(
    own_valkey, tmp_path, store
) -> None:
    """The clock is set forward, a call is made, and the clock is set back. Only then web and ws start.

    Therefore neither web nor ws can notice that the clock was set.
    """
    own_valkey.set_ahead(HOUR)
    with timeline.connect(own_valkey.web_url) as client:
        press(Timeline(client), store, 4)
    own_valkey.set_ahead(0)
    with serve("daphne", own_valkey.url, tmp_path) as server, timeline.connect(own_valkey.web_url) as client:
        web = Timeline(client)
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        web.set_idle({store: Idle("fr")})
        await screen.until(2, 5)
        assert press(web, store, 2).outcome == "called"
        await screen.until(4, 5)

        assert [paint.till for paint in screen.painted] == [0, 0, 2, 0]
        screen.close()
