"""Puts load on the compose stack. Screens of many stores reconnect as pages do, and tills press on a fixed schedule.

After the load, `Load.faults()` lists each call that a screen did not show as it should.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import httpx

from loadtests.clients.asyncio_screen import AsyncioScreen, open_screens
from loadtests.clients.reconnecting_screen import Connection, ReconnectingScreen
from loadtests.clients.till import Till
from loadtests.measure.event_loop_lag import EventLoopLag
from loadtests.measure.records import Press

HOLD_SECONDS = 3.0
STORES_AT_ONCE = 10
"""The number of stores whose screens are opened at the same time.

web has two worker processes, so several screens at the same time keep both cores busy.
"""
SHORT_SECONDS, LATE_SECONDS = 0.25, 1.0
"""The tests run on two busy cores that also build images, so they allow some deviation. A hold may be shorter by
SHORT_SECONDS, and a number may appear or disappear later by LATE_SECONDS. The lag of this process's own event loop,
which EventLoopLag measures, is allowed in addition."""


async def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Return as soon as `condition()` is true.

    If that takes longer than `seconds`, raise TimeoutError. Its message contains `what`, which describes the condition.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        await asyncio.sleep(0.02)  # The event loop runs the screens and the tills while this function sleeps.


@asynccontextmanager
async def opened(url: str, path: str, count: int) -> AsyncIterator[list[AsyncioScreen]]:
    """Open screens, yield a list of them, and close all screens in the list when the block ends.

    The block may append more screens to the list.
    """
    screens = [*await open_screens(url, path, count)]
    try:
        yield screens
    finally:
        for screen in screens:
            screen.close()


class Load:
    """Keeps screens connected and presses buttons for the duration of an `async with` block.

    After the block, `presses` and `screens` contain the results.

    per_store: the number of screens in each store.
    per_second: the number of presses per second in all stores together. The stores take turns.
    """

    def __init__(self, url: str, stores: list[str], *, per_store: int = 2, per_second: float = 20) -> None:
        self.url, self.stores = url, stores
        self.per_store, self.per_second = per_store, per_second
        self.screens: list[ReconnectingScreen] = []
        self.presses: list[Press] = []
        self.tills: dict[str, Till] = {}
        self.lag = EventLoopLag()
        self._pressing: set[asyncio.Task[None]] = set()
        self._presser: asyncio.Task[None] | None = None
        self._open_slots = asyncio.Semaphore(STORES_AT_ONCE)

    async def __aenter__(self) -> "Load":
        await self.lag.start()
        await asyncio.gather(*(self._open_store(store) for store in self.stores))
        self._presser = asyncio.create_task(self._press_on_schedule())
        return self

    async def _open_store(self, store: str) -> None:
        async with self._open_slots:
            till = self.tills[store] = await Till(self.url, store).__aenter__()
            path = await till.websocket_path()
            for _ in range(self.per_store):
                screen = ReconnectingScreen(self.url, path, store)
                self.screens.append(screen)
                await screen.start()

    async def __aexit__(self, *exception: object) -> None:
        """Stop pressing, wait until the last call has ended and all screens are connected, and close everything."""
        assert self._presser
        self._presser.cancel()
        if self._pressing:
            await asyncio.wait(self._pressing)
        all_ended_at = (
            max((press.answered + press.starts_in for press in self.presses), default=0.0)
            + HOLD_SECONDS
            + 2 * LATE_SECONDS
        )
        await asyncio.sleep(all_ended_at - time.monotonic())
        await until(
            lambda: all(screen.connected for screen in self.screens), 15, f"all screens are connected ({self.costs()})"
        )
        await asyncio.gather(*(screen.stop() for screen in self.screens))
        await asyncio.gather(*(till.__aexit__(None, None, None) for till in self.tills.values()))
        await self.lag.stop()

    async def _press_on_schedule(self) -> None:
        loop = asyncio.get_running_loop()
        began, number = loop.time(), 0
        while True:
            store = self.stores[number % len(self.stores)]
            # Each press has a task of its own, so that a late answer does not delay the next press.
            task = asyncio.create_task(self._press(store, number // len(self.stores) % 4 + 1))
            self._pressing.add(task)
            task.add_done_callback(self._pressing.discard)
            number += 1
            await asyncio.sleep(began + number / self.per_second - loop.time())

    async def _press(self, store: str, till: int) -> None:
        press = Press(store, till, time.monotonic())
        self.presses.append(press)
        try:
            answer = await self.tills[store].press(till)
        except httpx.HTTPError:
            press.answered = time.monotonic()
            return
        press.status, press.answered = answer.status_code, time.monotonic()
        if answer.status_code == 204:
            receipt = Till.receipt(answer)
            press.seq, press.starts_in = receipt["seq"], receipt["starts_in_ms"] / 1000

    def faults(self, since: float = 0.0) -> list[str]:
        """Return one line for each call that a screen of the store did not show as it should.

        Only presses count that were answered with 204 and were due after the time `since` (time.monotonic).
        """
        called = [press for press in self.presses if press.seq and press.intended > since]
        return [
            fault
            for press in called
            for screen in self.screens
            if screen.store == press.store
            for connection in screen.connections
            for fault in faults_of(press, connection, self.lag)
        ]

    def costs(self) -> str:
        """Return a summary of the load in one line."""
        statuses = Counter(press.status for press in self.presses)
        away = sorted(seconds for screen in self.screens for seconds in screen.seconds_away())
        codes = Counter(each.code for screen in self.screens for each in screen.connections if each.code)
        lost = {f"{status or 'no answer'}": count for status, count in statuses.items() if status != 204}
        longest = f"{away[-1]:.1f} s" if away else "-"
        holds = [held for screen in self.screens for each in screen.connections for held in holds_of(each)]
        held = f"held {min(holds):.2f} to {max(holds):.2f} s" if holds else "none shown"
        return (
            f"{len(self.presses)} presses, not called: {lost or 'none'}; {len(away)} reconnects, "
            f"close codes {dict(codes)}, longest disconnection {longest}; {held}; "
            f"event loop lag up to {self.lag.worst:.3f} s"
        )


def verify_nothing_was_lost(load: Load) -> None:
    """Check that no press and no call was lost, and that all screens reconnected soon.

    The server may close connections only with code 1012, which tells screens to reconnect.
    """
    codes = {each.code for screen in load.screens for each in screen.connections if each.code}
    assert codes == {1012}, load.costs()
    assert {press.status for press in load.presses} == {204}, load.costs()
    assert load.faults() == []
    assert max(seconds for screen in load.screens for seconds in screen.seconds_away()) < 5, load.costs()


def holds_of(connection: Connection) -> list[float]:
    """Return for how many seconds the connection showed each number.

    If the screen already showed a number when it connected, that number is left out.
    """
    painted = connection.painted
    return [after.at - shown.at for shown, after in pairwise(painted[1:]) if shown.till]


def faults_of(
    press: Press,
    connection: Connection,
    loop_lag: EventLoopLag,
    *,
    late_seconds: float = LATE_SECONDS,
    short_seconds: float = SHORT_SECONDS,
) -> list[str]:
    """Return what was wrong when one connection showed one call.

    A connection that was closed before the call ended, or opened after the call, need not show the call. A connection
    that was opened during the call must show the rest of the call.

    late_seconds: how late a number may appear or disappear. short_seconds: by how much a hold may be too short.
    """
    begins = press.answered + press.starts_in
    ends = begins + HOLD_SECONDS
    if connection.closed < ends + late_seconds or connection.opened > ends - LATE_SECONDS:
        return []
    name = f"{press.store} seq {press.seq}"
    # Fragments from before the press are ignored. They may have the same seq as the call of this press, because Redis
    # is empty after a restart and numbers the calls of each store from 1 again.
    painted = [paint for paint in connection.painted if paint.at > press.intended]
    shown = [paint.at for paint in painted if (paint.seq, paint.till) == (press.seq, press.till)]
    if not shown:
        return [f"{name}: never shown"]
    after = [paint.at for paint in painted if paint.at > shown[0] and paint.till != press.till]
    if not after:
        return [f"{name}: never removed"]
    from_the_beginning = connection.opened <= begins - LATE_SECONDS
    lag = loop_lag.lag_at(press.answered) + loop_lag.lag_at(shown[0]) + loop_lag.lag_at(after[0])
    late = after[0] - ends
    if not -LATE_SECONDS - lag <= late <= late_seconds + lag:
        return [f"{name}: ended {late:+.2f} s off (event loop lag: {lag:.2f} s)"]
    held = after[0] - shown[0]
    if from_the_beginning and not -short_seconds - lag < held - HOLD_SECONDS < late_seconds + lag:
        return [f"{name}: held {held:.3f} s (event loop lag: {lag:.2f} s)"]
    return []
