"""The boards of a replica paint large stores, and are removed when their store has no screens.

The tests also cover a replica that stops for a while, and a Redis that does not answer.
"""

import asyncio
import os
import signal
import time
from dataclasses import replace
from functools import partial
from math import inf

import msgpack
import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis import Redis

from cashier_core import timeline_reader
from cashier_core.call import Policy
from cashier_core.events import PREFIX, REDIS_CHANNEL, Event
from cashier_core.idle import Idle
from cashier_core.lua import keys
from cashier_core.tickets import Ticket
from cashier_core.timeline import Timeline
from cashier_core.timeline_reader import TimelineReader
from cashier_local.ports import wait_until
from cashier_ws.boards import sync
from cashier_ws.boards.board import Board
from cashier_ws.boards.hub import EMPTY_SECONDS, Hub
from cashier_ws.boards.proofs import Proofs
from cashier_ws.boards.sync import FRESH_SECONDS, PATIENCE_SECONDS
from loadtests.clients.asyncio_screen import open_screen, open_screens
from loadtests.clients.websocket_frames import parse_paint
from tests.support.board_screen import SilentScreen
from tests.support.ws_server import figures, path_of, serve

pytestmark = pytest.mark.anyio
FIRST_HOLD_MS = round((FRESH_SECONDS + 0.2) * 1000)
"""A replica that stops for this time must ignore the announcements that have arrived meanwhile."""


async def test_every_screen_of_a_large_store_shows_the_call_and_its_end(server, store, press) -> None:
    screens = await open_screens(server.url, path_of(store), 600)
    press(4, hold_ms=2000)
    await asyncio.gather(*(screen.until(3, 20) for screen in screens))

    assert {tuple(paint.till for paint in screen.painted) for screen in screens} == {(0, 4, 0)}
    for screen in screens:
        screen.close()


async def test_if_calls_come_faster_than_screens_are_painted_every_screen_still_shows_the_last_call(
    server, store, press
) -> None:
    screens = await open_screens(server.url, path_of(store), 600)
    for till in (1, 2, 3, 4, 5):
        press(till, hold_ms=1500, policy=Policy.REPLACE)
    last = press(6, hold_ms=1500, policy=Policy.REPLACE).seq
    await asyncio.gather(*(until_reset(screen, last) for screen in screens))

    for screen in screens:
        seqs = [paint.seq for paint in screen.painted]
        assert seqs == sorted(seqs)
        assert screen.painted[-2].till == 6
        screen.close()


async def until_reset(screen, seq: int) -> None:
    async with asyncio.timeout(20):
        while (screen.painted[-1].seq, screen.painted[-1].till) != (seq, 0):
            await screen.until(len(screen.painted) + 1, 20)


async def test_a_screen_that_opens_during_a_call_gets_the_rest_of_the_hold(server, store, press) -> None:
    first = await open_screen(server.url, path_of(store))
    await first.until(1, 5)
    press(4, hold_ms=3000)
    await first.until(2, 5)
    # The screen `late` opens at least one second after the press, so at most two seconds of the hold remain for it. To
    # wait for one second, the test makes a call of one second in another store, and waits until this call has ended.
    other = await open_screen(server.url, path_of(f"{store}-2"))
    await other.until(1, 5)
    press.timeline.press(f"{store}-2", 1, "en", idle_language="en", hold_ms=1000, policy=Policy.QUEUE)
    await other.until(3, 5)
    late = await open_screen(server.url, path_of(store))
    await late.until(1, 5)

    first_ms, remaining_ms = (
        int(paint.html.split('data-hold-ms="')[1].split('"')[0]) for paint in (first.painted[1], late.painted[0])
    )
    assert 0 < remaining_ms <= 2000 < first_ms <= 3000
    for screen in (first, other, late):
        screen.close()


# This test takes 10 s. To save time, it runs only in Daphne, and not also in uvicorn.
@pytest.mark.parametrize("shared_server", ["daphne"], indirect=True, scope="session")
async def test_a_board_without_screens_is_removed(server, store) -> None:
    screens = await open_screens(server.url, path_of(store), 3)
    assert await has_board(server, store)
    for screen in screens:
        screen.close()

    await asyncio.to_thread(
        wait_until, lambda: not asyncio.run(has_board(server, store)), EMPTY_SECONDS + 5, "the board is removed"
    )


async def has_board(server, store) -> bool:
    return f'cashier_screens{{store="{store}"}}' in await figures(server)


async def test_screens_that_reconnect_soon_show_the_current_call(server, store, press, valkey) -> None:
    """A board stays for some seconds after its last screen has left, and goes on playing the calls.

    If screens reconnect during this time, the board can paint them even if Redis does not answer.
    """
    first, other = [await open_screen(server.url, path_of(slug)) for slug in (store, f"{store}-2")]
    await first.until(1, 5)
    press(4, hold_ms=9000)
    await first.until(2, 5)
    first.close()
    await other.until(1, 5)
    # The screen stays away for 2.5 s, so that the repair runs several times in the meantime. To wait for this time, the
    # test makes a call of 2.5 s in another store, and waits until this call has ended.
    press.timeline.press(f"{store}-2", 1, "en", idle_language="en", hold_ms=2500, policy=Policy.QUEUE)
    await other.until(3, 10)
    os.kill(valkey.pid, signal.SIGSTOP)
    try:
        returned = await open_screen(server.url, path_of(store))
        await returned.until(1, 5)
        assert returned.painted[0].till == 4
        returned.close()
        other.close()
    finally:
        os.kill(valkey.pid, signal.SIGCONT)


# This test takes 10 s. To save time, it runs only in Daphne, and not also in uvicorn.
@pytest.mark.parametrize("shared_server", ["daphne"], indirect=True, scope="session")
async def test_screens_that_reconnect_while_their_boards_are_removed_miss_no_change(server, store, press) -> None:
    stores = [f"{store}-{number}" for number in range(60)]
    for screen in await asyncio.gather(*(open_screen(server.url, path_of(slug)) for slug in stores)):
        await screen.until(1, 10)
        screen.close()
    metrics = await figures(server)
    assert all(f'cashier_screens{{store="{slug}"}}' in metrics for slug in stores)
    await asyncio.to_thread(
        wait_until,
        lambda: not asyncio.run(has_board(server, stores[0])),
        EMPTY_SECONDS + 5,
        "the first board is removed",
    )
    returned = await asyncio.gather(*(open_screen(server.url, path_of(slug)) for slug in stores))
    for screen in returned:
        await screen.until(1, 10)
    press.timeline.set_idle(dict.fromkeys(stores, Idle("fr")))
    await asyncio.gather(*(until_french(screen) for screen in returned))
    for screen in returned:
        screen.close()


async def until_french(screen) -> None:
    async with asyncio.timeout(10):
        while "Veuillez" not in screen.painted[-1].html:
            await screen.until(len(screen.painted) + 1, 10)


async def test_a_replica_that_was_stopped_for_a_while_shows_no_call_that_has_ended(
    valkey, tmp_path, store, press
) -> None:
    with serve("daphne", valkey.url, tmp_path) as server:
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        server.kill(signal.SIGSTOP)
        for till in (1, 2):
            press(till, hold_ms=2000)
        # The two calls take 4 s, and the replica is stopped until they have ended. Meanwhile their announcements wait
        # in the replica's socket. When the replica continues, it must ignore these old announcements and read a
        # snapshot. It does so, because its last comparison with Redis is more than FRESH_SECONDS (2.5 s) old.
        have_ended = partial(has_no_calls, press.timeline, store)
        await asyncio.to_thread(wait_until, have_ended, 10, "both calls have ended")
        press(3, hold_ms=2000)
        server.kill(signal.SIGCONT)
        await screen.until(3, 10)

        assert [paint.till for paint in screen.painted] == [0, 3, 0]
        screen.close()


async def test_a_replica_that_was_stopped_while_it_compared_its_boards_ignores_old_announcements(
    valkey, store, press, monkeypatch
) -> None:
    """Redis has answered the comparison, and the replica is stopped before it reads the answer.

    The answer contains no changes, although calls are announced while the replica is stopped.
    """
    painted: list[tuple[int, float]] = []
    is_over = asyncio.Event()
    stopped_until = inf

    class StoppedReader(TimelineReader):
        async def changes(self):
            nonlocal stopped_until
            answer = await super().changes()
            if painted and answer == {} and stopped_until == inf:
                press(1, hold_ms=FIRST_HOLD_MS)
                press(2, hold_ms=2000)
                # wait_until blocks the event loop, as SIGSTOP would stop the replica.
                wait_until(partial(has_one_call, press.timeline, store), 10, "the first call has ended")
                stopped_until = asyncio.get_running_loop().time()
            return answer

    class RecordingScreen(SilentScreen):
        def send(self, frame) -> None:
            paint = parse_paint(asyncio.get_running_loop().time(), frame.text.encode())
            painted.append((paint.till, paint.at))
            if len(painted) == 3:
                is_over.set()

    monkeypatch.setattr(sync, "get_channel_layer", lambda: RedisPubSubChannelLayer(hosts=[valkey.url], prefix=PREFIX))
    async with timeline_reader.connect(valkey.url) as client:
        hub = Hub(StoppedReader(client), client, 40)
        hub.join(Ticket(store, Idle("en")), RecordingScreen())
        async with asyncio.timeout(20):
            await is_over.wait()
        for task in hub._sync._tasks:
            task.cancel()
        await hub.end()

    # The first call has ended while the replica was stopped. The second call begins less than a second late.
    assert [till for till, _at in painted] == [0, 2, 0]
    assert painted[1][1] - stopped_until < 1


def has_one_call(timeline, store) -> bool:
    return len(timeline.snapshot(store).calls) == 1


def has_no_calls(timeline, store) -> bool:
    return not timeline.snapshot(store).calls


async def test_a_timeline_that_cannot_be_read_does_not_delay_other_stores(valkey, tmp_path, store, press) -> None:
    with serve("daphne", valkey.url, tmp_path) as server, Redis.from_url(valkey.url) as redis:
        redis.set(keys(store)[0], "not a timeline")
        screens = [await open_screen(server.url, path_of(slug)) for slug in (store, f"{store}-2")]
        for screen in screens:
            await screen.until(1, 5)
        press.timeline.press(f"{store}-2", 3, "en", idle_language="en", hold_ms=300, policy=Policy.QUEUE)
        await screens[1].until(3, 5)
        redis.delete(keys(store)[0])

        assert [[paint.till for paint in screen.painted] for screen in screens] == [[0], [0, 3, 0]]
        assert server.log.has(f"the timeline of {store} can't be read")
        for screen in screens:
            screen.close()


async def test_a_silent_redis_delays_the_screens_of_many_new_stores_only_once(valkey, tmp_path, store) -> None:
    async def seconds_to_paint(slug: str) -> float:
        screen = await open_screen(server.url, path_of(slug))
        opened = time.monotonic()
        await screen.until(1, 30)
        screen.close()
        return screen.painted[0].at - opened

    with serve("daphne", valkey.url, tmp_path) as server:
        os.kill(valkey.pid, signal.SIGSTOP)
        try:
            waited = await asyncio.gather(*(seconds_to_paint(f"{store}-{number}") for number in range(600)))
        finally:
            os.kill(valkey.pid, signal.SIGCONT)

    # A read of snapshots covers at most 128 boards, so 600 boards need five reads, one after the other. Redis does not
    # answer, so a read fails after PATIENCE_SECONDS. Then all boards that wait for a read play without Redis. Therefore
    # a screen waits for at most two reads: for one that had begun when the screen opened, and for the next one.
    assert max(waited) < 4 * PATIENCE_SECONDS


async def test_a_snapshot_from_before_the_first_call_does_not_remove_the_call(valkey) -> None:
    """The board has requested the snapshot of a store without calls. Before it arrives, the first call is announced."""
    with Redis.from_url(valkey.url) as redis:
        redis.flushall()
        subscription = redis.pubsub(ignore_subscribe_messages=True)
        subscription.subscribe(REDIS_CHANNEL)
        subscription.get_message(timeout=1)
        board, timeline = Board("first", Idle("en"), Proofs()), Timeline(redis)
        known, snapshot = board.version, timeline.snapshot("first")
        timeline.press("first", 4, "en", idle_language="en", hold_ms=60_000, policy=Policy.QUEUE)
        message = msgpack.unpackb(subscription.get_message(timeout=5)["data"])
        subscription.close()
    board.cashier_message(Event.from_message(message))
    board.adopt(snapshot, known, asyncio.get_running_loop().time())

    assert board._shown.call.till == 4
    assert board.is_behind, "the board requests another snapshot"
    board.stop()


@pytest.mark.parametrize(("was_read_before", "hold"), [(False, 59), (True, 60)])
async def test_screens_that_connect_late_show_the_rest_of_a_call_and_screens_that_missed_it_the_whole(
    valkey, was_read_before, hold
) -> None:
    """The board has a screen, and reads a call that has begun a second before, and whose announcement is lost."""
    now = asyncio.get_running_loop().time()
    with Redis.from_url(valkey.url) as redis:
        redis.flushall()
        board, timeline = Board("late", Idle("en"), Proofs()), Timeline(redis)
        board.join(SilentScreen())
        if was_read_before:
            board.adopt(timeline.snapshot("late"), board.version, now)
        else:
            board.play_without_redis()  # Redis did not answer in time.
        timeline.press("late", 4, "en", idle_language="en", hold_ms=60_000, policy=Policy.QUEUE)
        snapshot = timeline.snapshot("late")
    begun_before = [replace(call, starts_in_ms=call.starts_in_ms - 1000) for call in snapshot.calls]
    board.adopt(replace(snapshot, calls=begun_before), board.version, now)

    assert board._shown.end - now == pytest.approx(hold, abs=0.4)
    board.stop()
