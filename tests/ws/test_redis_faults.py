"""While Redis is down, a replica goes on playing the calls that it knows, and its screens stay connected.

When Redis is back, the replica finds the changes that it has missed.
"""

import asyncio
import signal
import time

import pytest

from cashier_core import lua, timeline
from cashier_core.call import Policy
from cashier_core.timeline import Timeline
from loadtests.clients.asyncio_screen import open_screen
from tests.support.topologies import Log, Valkey
from tests.support.ws_server import path_of, serve

pytestmark = pytest.mark.anyio

# Lua code in front of `press.lua` that ignores the command PUBLISH, so that a press makes a call and does not announce
# it. The code replaces `clock.lua`, so it defines `now_ms`, too.
IGNORE_PUBLISH = """
local real = redis
local redis = setmetatable({call = function(command, ...)
  if command ~= 'PUBLISH' then return real.call(command, ...) end
end}, {__index = real})
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
"""


@pytest.fixture
def own_valkey(tmp_path):
    server = Valkey(tmp_path, Log())
    server.start()
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def press(own_valkey, store):
    client = timeline.connect(own_valkey.url)
    scheduler = Timeline(client)
    yield lambda till, hold_ms=1000: scheduler.press(
        store, till, "en", idle_language="en", hold_ms=hold_ms, policy=Policy.QUEUE
    )
    client.close()


async def test_a_call_is_shown_and_ends_while_redis_is_down(own_valkey, tmp_path, store, press) -> None:
    with serve("daphne", own_valkey.url, tmp_path) as server:
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        pressed = time.monotonic()
        press(4, hold_ms=1500)
        press(2, hold_ms=500)
        await screen.until(2, 5)
        await asyncio.to_thread(own_valkey.stop, signal.SIGKILL)
        await screen.until(4, 5)

        assert [paint.till for paint in screen.painted] == [0, 4, 2, 0]
        assert screen.painted[2].at - pressed >= 1.5
        assert screen.painted[3].at - pressed >= 2.0
        screen.close()


async def test_a_screen_that_connects_while_redis_is_down_is_idle_and_works_afterwards(
    own_valkey, tmp_path, store, press
) -> None:
    with serve("daphne", own_valkey.url, tmp_path) as server:
        await asyncio.to_thread(own_valkey.stop, signal.SIGKILL)
        screen = await open_screen(server.url, path_of(store, language="fr"))
        await screen.until(1, 5)
        assert "Veuillez patienter" in screen.painted[0].html

        await asyncio.to_thread(own_valkey.start)
        press(4, hold_ms=3000)
        await screen.until(3, 10)

        assert [paint.till for paint in screen.painted] == [0, 4, 0]
        assert not server.log.has("Traceback")
        screen.close()


async def test_presses_reach_a_screen_again_after_redis_has_lost_its_data(own_valkey, tmp_path, store, press) -> None:
    with serve("daphne", own_valkey.url, tmp_path) as server:
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        for _ in range(3):
            press(4, hold_ms=100)
            await screen.until(len(screen.painted) + 2, 5)
        count = len(screen.painted)
        await asyncio.to_thread(own_valkey.stop, signal.SIGKILL)
        await asyncio.to_thread(own_valkey.start)
        assert press(7, hold_ms=3000).seq == 1
        await screen.until(count + 2, 10)

        assert [paint.till for paint in screen.painted[count:]] == [7, 0]
        assert server.log.has("Redis is lost") is server.log.has("Redis is back")
        assert not server.log.has("Traceback")
        screen.close()


async def test_a_call_whose_announcement_was_lost_is_found_soon_and_has_its_whole_hold(
    own_valkey, tmp_path, store, press
) -> None:
    with serve("daphne", own_valkey.url, tmp_path) as server:
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        client = timeline.connect(own_valkey.url)
        unannounced_timeline = Timeline(client, IGNORE_PUBLISH)
        pressed = time.monotonic()
        unannounced_timeline.press(store, 4, "en", idle_language="en", hold_ms=3000, policy=Policy.QUEUE)
        await screen.until(3, 10)

        _, shown, reset = screen.painted
        assert (shown.till, reset.till) == (4, 0)
        # The repair found the call at most two seconds after the begin of the call, so the call is shown for its whole
        # hold. A call that is found later is shown only for the rest of its hold.
        assert 'data-hold-ms="3000"' in shown.html
        assert reset.at - pressed >= 3.0
        client.close()
        screen.close()


async def test_a_redis_that_lost_its_last_writes_is_noticed_although_the_rev_repeats(
    own_valkey, tmp_path, store, press
) -> None:
    with serve("daphne", own_valkey.url, tmp_path) as server:
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        client = timeline.connect(own_valkey.url)
        press(4, hold_ms=1500)
        kept = {key: client.dump(key) for key in lua.keys(store)}
        lost = press(2, hold_ms=1500)
        for key, value in kept.items():
            client.restore(key, 0, value, replace=True)
        unannounced_timeline = Timeline(client, IGNORE_PUBLISH)
        unannounced = unannounced_timeline.press(store, 7, "en", idle_language="en", hold_ms=1500, policy=Policy.QUEUE)
        await screen.until(5, 10)

        assert unannounced.seq == lost.seq
        # Redis announced the call of till 2, and then lost this call. Redis did not announce the call of till 7. Both
        # calls are shown.
        assert [paint.till for paint in screen.painted][:2] == [0, 4]
        assert {paint.till for paint in screen.painted[2:4]} == {2, 7}
        assert screen.painted[4].till == 0
        client.close()
        screen.close()


async def test_two_presses_after_redis_lost_a_write_are_both_shown(own_valkey, tmp_path, store, press) -> None:
    """After Redis has lost a write, it gives the rev of the lost change to the next change.

    So the press of till 7 gets a rev that the board already knows, and the press of till 8 gets the next rev. A board
    that compares only revs would believe that it knows the call of till 7.
    """
    with serve("daphne", own_valkey.url, tmp_path) as server:
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        client = timeline.connect(own_valkey.url)
        kept = None
        for _ in range(3):
            kept = client.dump(lua.keys(store)[0])
            press(4, hold_ms=300)
            await screen.until(len(screen.painted) + 2, 5)
        count = len(screen.painted)
        client.restore(lua.keys(store)[0], 0, kept, replace=True)
        client.delete(lua.keys(store)[1])
        press(7, hold_ms=2000)
        press(8, hold_ms=2000)
        await screen.until(count + 3, 10)

        assert [paint.till for paint in screen.painted[count:]] == [7, 8, 0]
        client.close()
        screen.close()
