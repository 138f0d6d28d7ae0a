"""Redis lost under a replica: boards play on, screens stay, and what was missed is repaired when it is back."""

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

# A press that announces nothing: the same script, but its PUBLISH goes nowhere.
MUTE_CLOCK = """
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


async def test_a_call_plays_on_and_resets_while_redis_is_gone(own_valkey, tmp_path, store, press) -> None:
    with serve("daphne", own_valkey.url, tmp_path) as server:
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        press(4, hold_ms=1500)
        press(2, hold_ms=500)
        await screen.until(2, 5)
        await asyncio.to_thread(own_valkey.stop, signal.SIGKILL)
        await screen.until(4, 5)

        assert [paint.till for paint in screen.painted] == [0, 4, 2, 0]
        assert abs(screen.painted[2].at - screen.painted[1].at - 1.5) < 0.1
        screen.close()


async def test_a_screen_that_comes_while_redis_is_gone_waits_and_works_afterwards(
    own_valkey, tmp_path, store, press
) -> None:
    with serve("daphne", own_valkey.url, tmp_path) as server:
        await asyncio.to_thread(own_valkey.stop, signal.SIGKILL)
        screen = await open_screen(server.url, path_of(store, language="fr"))
        await screen.until(1, 5)
        assert "Veuillez patienter" in screen.painted[0].html

        await asyncio.to_thread(own_valkey.start)
        back = time.monotonic()
        press(4, hold_ms=3000)
        await screen.until(3, 10)

        assert [paint.till for paint in screen.painted] == [0, 4, 0]
        assert screen.painted[1].at - back < 3
        assert not server.log.has("Traceback")
        screen.close()


async def test_presses_reach_a_screen_again_after_redis_came_back_empty(own_valkey, tmp_path, store, press) -> None:
    with serve("daphne", own_valkey.url, tmp_path) as server:
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        for _ in range(3):
            press(4, hold_ms=100)
            await screen.until(len(screen.painted) + 2, 5)
        count = len(screen.painted)
        await asyncio.to_thread(own_valkey.stop, signal.SIGKILL)
        await asyncio.to_thread(own_valkey.start)
        back = time.monotonic()
        assert press(7, hold_ms=3000).seq == 1
        await screen.until(count + 2, 10)

        assert [paint.till for paint in screen.painted[count:]] == [7, 0]
        assert screen.painted[count].at - back < 3
        assert server.log.has("Redis is lost") is server.log.has("Redis is back")
        assert not server.log.has("Traceback")
        screen.close()


async def test_a_call_whose_message_was_lost_is_found_within_two_seconds_and_held_as_long_as_any(
    own_valkey, tmp_path, store, press
) -> None:
    with serve("daphne", own_valkey.url, tmp_path) as server:
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        client = timeline.connect(own_valkey.url)
        quiet = Timeline(client, MUTE_CLOCK)
        quiet.press(store, 4, "en", idle_language="en", hold_ms=3000, policy=Policy.QUEUE)
        pressed = time.monotonic()
        await screen.until(3, 10)

        _, shown, reset = screen.painted
        assert (shown.till, reset.till) == (4, 0)
        assert shown.at - pressed < 2
        assert abs(reset.at - shown.at - 3.0) < 0.1
        client.close()
        screen.close()


async def test_a_redis_that_lost_its_last_writes_is_noticed_though_its_numbers_repeat(
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
        quiet = Timeline(client, MUTE_CLOCK)
        told = quiet.press(store, 7, "en", idle_language="en", hold_ms=1500, policy=Policy.QUEUE)
        await screen.until(5, 10)

        assert told.seq == lost.seq
        # What was announced is kept as a promise; what was never heard of is shown too.
        assert [paint.till for paint in screen.painted][:2] == [0, 4]
        assert {paint.till for paint in screen.painted[2:4]} == {2, 7}
        assert screen.painted[4].till == 0
        client.close()
        screen.close()


async def test_two_presses_after_redis_lost_a_write_are_both_shown(own_valkey, tmp_path, store, press) -> None:
    """The first one comes under a rev that the board knows already, the second looks as if it followed."""
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
