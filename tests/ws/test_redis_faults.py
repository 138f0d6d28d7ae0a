"""While Redis is down, a replica goes on playing the calls that it knows, and its screens stay connected.

When Redis is back, the replica finds the changes that it has missed.
"""

import asyncio
import signal
import time
from itertools import pairwise

import pytest

from cashier_core import lua, timeline, timeline_reader
from cashier_core.call import Policy
from cashier_core.timeline import Timeline
from cashier_ws.boards.board import UNKNOWN_SECONDS
from loadtests.clients.asyncio_screen import open_screen
from tests.support.topologies import wait_until_written
from tests.support.ws_server import figures, path_of, serve

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
        await screen.until(1, UNKNOWN_SECONDS + 5)
        assert "Veuillez patienter" in screen.painted[0].html

        await asyncio.to_thread(own_valkey.start)
        press(4, hold_ms=3000)
        await screen.until(3, 10)

        assert [paint.till for paint in screen.painted] == [0, 4, 0]
        assert not server.log.has("Traceback")
        screen.close()


async def test_a_screen_that_connects_during_a_call_while_redis_is_away_shows_the_call_when_redis_is_back(
    own_valkey, tmp_path, store, press
) -> None:
    with serve("daphne", own_valkey.url, tmp_path) as server:
        press(4, hold_ms=60_000)
        await asyncio.to_thread(own_valkey.stop, signal.SIGTERM)
        screen = await open_screen(server.url, path_of(store))
        await asyncio.to_thread(own_valkey.start)
        await screen.until(1, UNKNOWN_SECONDS + 5)

        assert [paint.till for paint in screen.painted] == [4], "the idle text would have removed the number"
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
        own_valkey.lose_data()
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


async def test_a_board_removes_a_call_that_redis_has_lost_although_the_rev_repeats(
    own_valkey, tmp_path, store, press
) -> None:
    with serve("daphne", own_valkey.url, tmp_path) as server:
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        client = timeline.connect(own_valkey.url)
        press(4, hold_ms=3000)
        kept = {key: client.dump(key) for key in lua.keys(store)}
        lost = press(2, hold_ms=1500)
        for key, value in kept.items():
            client.restore(key, 0, value, replace=True)
        unannounced_timeline = Timeline(client, IGNORE_PUBLISH)
        unannounced = unannounced_timeline.press(store, 7, "en", idle_language="en", hold_ms=1500, policy=Policy.QUEUE)
        await screen.until(4, 10)

        assert unannounced.seq == lost.seq
        # Redis announced the call of till 2, and then lost this call. Redis did not announce the call of till 7.
        assert [paint.till for paint in screen.painted] == [0, 4, 7, 0]
        assert server.log.has(f"Redis has lost 1 calls of {store}")
        assert (await figures(server))["cashier_calls_lost_total"] == 1
        client.close()
        screen.close()


async def test_all_calls_and_the_epoch_survive_if_redis_is_killed_and_restarted(
    own_valkey, tmp_path, store, press
) -> None:
    url = own_valkey.url
    with serve("daphne", url, tmp_path) as server, serve("daphne", url, tmp_path) as other_server:
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        for till in (1, 2, 3, 4, 5, 6):
            press(till, hold_ms=1500)
        await asyncio.to_thread(wait_until_written, url)
        await asyncio.to_thread(own_valkey.stop, signal.SIGKILL)
        await asyncio.to_thread(own_valkey.start)
        # This screen connects after the restart, so its replica knows only what Redis has kept.
        late_screen = await open_screen(other_server.url, path_of(store))
        assert press(7, hold_ms=1500).seq == 7
        await screen.until(9, 20)
        async with asyncio.timeout(10):
            while not late_screen.painted or late_screen.painted[-1].till:
                await late_screen.until(len(late_screen.painted) + 1, 10)

        painted = [paint.till for paint in screen.painted]
        assert painted == [0, 1, 2, 3, 4, 5, 6, 7, 0]
        assert [paint.till for paint in late_screen.painted] == painted[-len(late_screen.painted) :]
        assert len(late_screen.painted) >= 5
        shown = [later.at - earlier.at for earlier, later in pairwise(screen.painted[1:])]
        # A tenth of a second is allowed, because the times are taken when the test reads the frames.
        assert min(shown) >= 1.4, shown
        screen.close()
        late_screen.close()


async def test_a_press_after_a_loss_of_all_data_is_shown_at_once_on_every_board(
    own_valkey, tmp_path, store, press
) -> None:
    with serve("daphne", own_valkey.url, tmp_path) as server:
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        for till in (1, 2, 3, 4, 5, 6):
            press(till, hold_ms=60_000)
        await screen.until(2, 5)
        await asyncio.to_thread(own_valkey.stop, signal.SIGKILL)
        own_valkey.lose_data()
        await asyncio.to_thread(own_valkey.start)
        await screen.until(3, 10)
        # Redis has lost the calls, and the board has removed them.
        assert [paint.till for paint in screen.painted] == [0, 1, 0]
        assert press(7, hold_ms=1500).outcome == "called"
        await screen.until(5, 10)

        assert [paint.till for paint in screen.painted[3:]] == [7, 0]
        assert (await figures(server))["cashier_calls_lost_total"] == 6
        screen.close()


async def test_calls_that_were_dropped_while_a_board_missed_the_messages_do_not_appear(
    own_valkey, tmp_path, store, press
) -> None:
    """The call of till 7 has the policy `replace`, so it removes all other calls. Redis does not announce this call.

    The call of till 7 lasts for 1 ms. Therefore the board never sees this call, and must find out that the others are
    gone.
    """
    with serve("daphne", own_valkey.url, tmp_path) as server:
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        for till in (1, 2, 3):
            press(till, hold_ms=5000)
        await screen.until(2, 5)
        client = timeline.connect(own_valkey.url)
        unannounced_timeline = Timeline(client, IGNORE_PUBLISH)
        unannounced_timeline.press(store, 7, "en", idle_language="en", hold_ms=1, policy=Policy.REPLACE)
        await screen.until(3, 10)
        # The board must show nothing until the next call, although two calls of 5 s were queued.
        press(8, hold_ms=1000)
        await screen.until(5, 10)

        assert [paint.till for paint in screen.painted] == [0, 1, 0, 8, 0]
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


async def test_after_a_restart_of_redis_a_replica_can_read_over_each_of_its_old_connections(own_valkey, store) -> None:
    client = timeline_reader.connect(own_valkey.url)
    reader = timeline_reader.TimelineReader(client)

    async def read_at_once(count: int) -> None:
        await asyncio.gather(*(reader.snapshots([store]) for _ in range(count)))

    await read_at_once(3)
    await asyncio.to_thread(own_valkey.stop, signal.SIGKILL)
    await asyncio.to_thread(own_valkey.start)
    for count in (1, 3):
        await read_at_once(count)
    await client.aclose()
