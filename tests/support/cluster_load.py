"""Puts load on a cluster from outside. Each screen and each till knows the addresses of all hosts."""

import asyncio
import time
import uuid
from dataclasses import replace
from itertools import cycle

import httpx
import pytest

from loadtests.clients import pages
from loadtests.clients.asyncio_screen import open_screen
from loadtests.clients.reconnecting_screen import Connection, ReconnectingScreen
from loadtests.measure.records import Press
from loadtests.profiles import device_token
from tests.support.cluster import ADDRESSES
from tests.support.compose_load import HOLD_SECONDS, Load, faults_of

# If asyncio is told to give up a connection at the moment at which it is made, asyncio does not close the socket.
LEFT_SOCKETS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
CONNECT_SECONDS = 1.0
"""A client tries the next address if a host has not accepted its connection within this time."""
ANSWER_SECONDS = 6.0
SILENCE_SECONDS = 7.0
"""The value of CASHIER_SILENCE_SECONDS in the stack."""
STATUS_CALLED = {200, 201}
SHORT_SECONDS = 0.6
"""A hold may be so much shorter. Three engines with all their containers share the cores of this machine."""
LATE_SECONDS = 2.0
"""A call that is acknowledged directly after a failover appears when the replicas follow the new primary."""


class ClusterScreen(ReconnectingScreen):
    """A screen that connects to the next host whenever it has lost its connection.

    urls: the addresses of all hosts. The screen begins with the first one. silence: as on the page of a screen, the
    connection counts as dead if nothing has arrived for so many seconds.
    """

    def __init__(self, urls: list[str], path: str, store: str, silence: float) -> None:
        super().__init__(urls[0], path, store)
        self._urls = cycle(urls)
        self._silence = silence
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await super().start()
        self._watcher = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        assert self._watcher
        self._watcher.cancel()
        await super().stop()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(0.25)  # The event loop runs the screens meanwhile.
            screen = self.connections[-1].screen
            if screen.closed is None and time.monotonic() - screen.last_received > self._silence:
                screen.abort()

    async def _connect(self) -> None:
        """Connect to the next host. If a host cannot be reached, try the next one at once, as browsers do."""
        for last in range(len(ADDRESSES)):
            url = next(self._urls)
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    screen = await open_screen(url, self.path)
                break
            except (OSError, TimeoutError):
                if last == len(ADDRESSES) - 1:
                    raise
        self.connections.append(Connection(screen, time.monotonic()))
        try:
            await screen.until(1, ANSWER_SECONDS)
        except TimeoutError:
            screen.abort()
            raise


def _was_away(press: Press, connection: Connection) -> bool:
    """Return whether the screen got nothing over this connection until the end of the call.

    The screen was then away during the call. If its page has shown the call before, it keeps the number meanwhile.
    """
    ends = press.answered + press.starts_in + HOLD_SECONDS
    return not connection.painted or connection.painted[0].at > ends - SHORT_SECONDS


def _heard(connection: Connection) -> Connection:
    """Return the connection without the silence at its end. Its page removes the number by itself."""
    return replace(connection, closed=min(connection.closed, connection.screen.last_received))


class ClusterLoad(Load):
    """The load of a chain whose devices press through the API.

    urls: the addresses of all hosts. stores: the slugs of the stores, each of which has a device.
    """

    def __init__(
        self,
        urls: list[str],
        stores: list[str],
        *,
        per_store: int = 3,
        per_second: float = 20,
        silence: float = SILENCE_SECONDS,
    ) -> None:
        super().__init__(urls[0], stores, per_store=per_store, per_second=per_second)
        self.urls, self._silence = urls, silence
        self._clients = [
            httpx.AsyncClient(
                base_url=url,
                timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
                limits=httpx.Limits(max_keepalive_connections=0),
            )
            for url in urls
        ]
        self._next_host = 0
        self.call_ids: list[str] = []
        """The id of the call of each press that was acknowledged."""

    async def _open_store(self, store: str) -> None:
        async with self._open_slots:
            path = pages.websocket_path((await self._clients[0].get(f"/s/{store}/")).text)
            assert path, "the page of the screen contains no websocket"
            for _ in range(self.per_store):
                self._next_host += 1
                first = self._next_host % len(self.urls)
                screen = ClusterScreen([*self.urls[first:], *self.urls[:first]], path, store, self._silence)
                self.screens.append(screen)
                await screen.start()

    async def __aexit__(self, *exception: object) -> None:
        await super().__aexit__(*exception)
        await asyncio.gather(*(client.aclose() for client in self._clients))

    async def _press(self, store: str, till: int) -> None:
        """Press once. A host that cannot be reached has not received the press, so the next one is tried."""
        press = Press(store, till, time.monotonic())
        self.presses.append(press)
        self._next_host += 1
        first = self._next_host % len(self._clients)
        for client in [*self._clients[first:], *self._clients[:first]]:
            try:
                answer = await client.post(
                    f"/api/v1/stores/{store}/calls",
                    json={"till": till},
                    headers={"Authorization": f"Bearer {device_token(store)}", "Idempotency-Key": str(uuid.uuid4())},
                )
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
            except httpx.HTTPError:
                break
            press.status, press.answered = answer.status_code, time.monotonic()
            if answer.status_code in STATUS_CALLED:
                receipt = answer.json()
                press.seq, press.starts_in = receipt["seq"], receipt["starts_in_ms"] / 1000
                self.call_ids.append(receipt["id"])
            return
        press.answered = time.monotonic()

    def faults(self, since: float = 0.0, *, late_seconds: float = LATE_SECONDS) -> list[str]:
        """Return one line for each acknowledged call that a screen did not show as it should.

        late_seconds: how late a call may appear.
        How long a screen may be away is another question: see `seconds_away`.
        """
        return [
            fault
            for press in self.presses
            if press.seq and press.intended > since
            for screen in self.screens
            if screen.store == press.store
            for connection in screen.connections
            if not _was_away(press, connection)
            for fault in faults_of(
                press, _heard(connection), self.lag, late_seconds=late_seconds, short_seconds=SHORT_SECONDS
            )
        ]

    def refused(self) -> list[Press]:
        """Return the presses that were not acknowledged."""
        return [press for press in self.presses if press.status not in STATUS_CALLED]

    def refused_seconds(self) -> float:
        """Return the seconds from the first to the last press that was not acknowledged; 0 if there is none."""
        refused = [press.intended for press in self.refused()]
        return max(refused) - min(refused) + 1 / self.per_second if refused else 0.0

    def recent_refusals(self, seconds: float) -> int:
        """Return how many presses of the last seconds were not acknowledged, or are not answered yet."""
        recent = [press for press in self.presses if press.intended > time.monotonic() - seconds]
        return sum(press.status not in STATUS_CALLED for press in recent[: -int(self.per_second)])

    def doubled(self) -> int:
        """Return how many acknowledged presses have the same call as another press."""
        return len(self.call_ids) - len(set(self.call_ids))

    def lost(self) -> int:
        """Return how many acknowledged calls were lost: the next call of the store then had the same seq."""
        called = [(press.store, press.seq) for press in self.presses if press.seq]
        return len(called) - len(set(called))
