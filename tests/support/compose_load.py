"""The load: screens of many stores that come back as pages do, presses on a fixed schedule, what is owed to whom."""

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
SHORT_SECONDS, LATE_SECONDS = 0.25, 1.0
"""By so much a hold may be shorter, and a number may come or go later, on two busy cores that build images beside it.
The lag of the generator's own event loop is added to these limits."""


async def until(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Return as soon as `true()` is. Raises TimeoutError, naming `what`, when the time is over."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        await asyncio.sleep(0.02)  # between two looks


@asynccontextmanager
async def opened(url: str, path: str, count: int) -> AsyncIterator[list[AsyncioScreen]]:
    """Screens that are closed with the block, whatever happens in it; more may be added to the list."""
    screens = [*await open_screens(url, path, count)]
    try:
        yield screens
    finally:
        for screen in screens:
            screen.close()


class Load:
    """Lasts as long as its block; after that `presses` and `screens` say what happened."""

    def __init__(self, url: str, stores: list[str], *, per_store: int = 2, per_second: float = 20) -> None:
        self.url, self.stores = url, stores
        self.per_store, self.per_second = per_store, per_second
        self.screens: list[ReconnectingScreen] = []
        self.presses: list[Press] = []
        self.tills: dict[str, Till] = {}
        self.lag = EventLoopLag()
        self._pressing: set[asyncio.Task[None]] = set()
        self._presser: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Load":
        await self.lag.start()
        for store in self.stores:
            self.tills[store] = await Till(self.url, store).__aenter__()
            path = await self.tills[store].websocket_path()
            self.screens += [ReconnectingScreen(self.url, path, store) for _ in range(self.per_store)]
        for screen in self.screens:
            await screen.start()
        self._presser = asyncio.create_task(self._press_on_schedule())
        return self

    async def __aexit__(self, *fault: object) -> None:
        """The last calls have their holds, and screens that were lost have time to come back."""
        assert self._presser
        self._presser.cancel()
        if self._pressing:
            await asyncio.wait(self._pressing)
        over = (
            max((press.answered + press.starts_in for press in self.presses), default=0.0)
            + HOLD_SECONDS
            + 2 * LATE_SECONDS
        )
        await asyncio.sleep(over - time.monotonic())
        await until(
            lambda: all(screen.connected for screen in self.screens), 15, f"every screen is back ({self.costs()})"
        )
        for screen in self.screens:
            await screen.stop()
        for till in self.tills.values():
            await till.__aexit__(None, None, None)
        await self.lag.stop()

    async def _press_on_schedule(self) -> None:
        loop = asyncio.get_running_loop()
        began, number = loop.time(), 0
        while True:
            store = self.stores[number % len(self.stores)]
            # Not waited for: a press that is answered late must not put off the next one.
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

    def faults(self) -> list[str]:
        """Whatever was owed and not shown, of each call that was answered with 204, on each screen of its store."""
        called = [press for press in self.presses if press.seq]
        return [
            fault
            for press in called
            for screen in self.screens
            if screen.store == press.store
            for connection in screen.connections
            for fault in faults_of(press, connection, self.lag)
        ]

    def costs(self) -> str:
        """One line of what it took."""
        statuses = Counter(press.status for press in self.presses)
        away = sorted(seconds for screen in self.screens for seconds in screen.seconds_away())
        codes = Counter(each.code for screen in self.screens for each in screen.connections if each.code)
        lost = {f"{status or 'no answer'}": count for status, count in statuses.items() if status != 204}
        longest = f"{away[-1]:.1f} s" if away else "-"
        holds = [held for screen in self.screens for each in screen.connections for held in holds_of(each)]
        held = f"held {min(holds):.2f} to {max(holds):.2f} s" if holds else "none shown"
        return (
            f"{len(self.presses)} presses, not called: {lost or 'none'}; {len(away)} reconnects, "
            f"codes {dict(codes)}, longest away {longest}; {held}; generator late by up to {self.lag.worst:.3f} s"
        )


def holds_of(connection: Connection) -> list[float]:
    """Seconds from each number that came up while it was connected to what came after it."""
    painted = connection.painted
    return [after.at - shown.at for shown, after in pairwise(painted[1:]) if shown.till]


def faults_of(press: Press, connection: Connection, lag_meter: EventLoopLag) -> list[str]:
    """What this connection owed of this call: nothing, all of it, or, if it came in the middle, the rest."""
    begins = press.answered + press.starts_in
    ends = begins + HOLD_SECONDS
    if connection.closed < ends + LATE_SECONDS or connection.opened > ends - LATE_SECONDS:
        return []
    name = f"{press.store} seq {press.seq}"
    # By time too: a Redis that comes back empty counts its stores from 1 again.
    painted = [paint for paint in connection.painted if paint.at > press.intended]
    shown = [paint.at for paint in painted if (paint.seq, paint.till) == (press.seq, press.till)]
    if not shown:
        return [f"{name}: never shown"]
    after = [paint.at for paint in painted if paint.at > shown[0] and paint.till != press.till]
    if not after:
        return [f"{name}: never taken down"]
    from_the_beginning = connection.opened <= begins - LATE_SECONDS
    lag = lag_meter.lag_at(press.answered) + lag_meter.lag_at(shown[0]) + lag_meter.lag_at(after[0])
    late = after[0] - ends
    if abs(late) > LATE_SECONDS + lag:
        return [f"{name}: ended {late:+.2f} s off (generator {lag:.2f} s)"]
    held = after[0] - shown[0]
    if from_the_beginning and not -SHORT_SECONDS - lag < held - HOLD_SECONDS < LATE_SECONDS + lag:
        return [f"{name}: held {held:.3f} s (generator {lag:.2f} s)"]
    return []
