"""A simulated screen on asyncio that reconnects after each loss of its connection, as a screen's page does."""

import asyncio
import time
from dataclasses import dataclass, field

from loadtests.clients.asyncio_screen import OPEN_SECONDS, AsyncioScreen, open_screen
from loadtests.clients.backoff import reconnect_delay
from loadtests.clients.websocket_frames import Paint


@dataclass(slots=True)
class Connection:
    """One connection of a simulated screen.

    opened, closed: when the connection began and ended, in seconds of time.monotonic(). code: the close code; 0 while
    the connection is open.
    """

    screen: AsyncioScreen
    opened: float
    closed: float = float("inf")
    code: int = 0

    @property
    def painted(self) -> list[Paint]:
        return self.screen.painted


@dataclass(slots=True)
class ReconnectingScreen:
    """One simulated screen of a store at http://host:port. It stays connected from `start` to `stop`."""

    url: str
    path: str
    store: str
    connections: list[Connection] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect, and return after the first paint. Raises OSError or TimeoutError if no paint arrives."""
        await self._connect()
        self._task = asyncio.create_task(self._reconnect_for_ever())

    async def stop(self) -> None:
        """Close the connection, and do not reconnect."""
        assert self._task
        self._task.cancel()
        await asyncio.wait([self._task])
        self.connections[-1].closed = min(time.monotonic(), self.connections[-1].closed)
        self.connections[-1].screen.close()

    @property
    def connected(self) -> bool:
        """True if the screen is connected and has received a paint on its current connection."""
        last = self.connections[-1]
        return not last.code and bool(last.painted)

    def seconds_away(self) -> list[float]:
        """Return, for each connection that was lost, the seconds from its end to the next paint.

        The value is infinity if the screen has not come back.
        """
        seconds = []
        for number, lost in enumerate(self.connections[:-1], start=1):
            back = [connection.painted[0].at for connection in self.connections[number:] if connection.painted]
            seconds.append(min(back, default=float("inf")) - lost.closed)
        if self.connections[-1].code:
            seconds.append(float("inf"))
        return seconds

    async def _connect(self) -> None:
        screen = await open_screen(self.url, self.path)
        self.connections.append(Connection(screen, time.monotonic()))
        try:
            await screen.until(1, OPEN_SECONDS)
        except TimeoutError:
            screen.close()
            raise

    async def _reconnect_for_ever(self) -> None:
        while True:
            last = self.connections[-1]
            last.code = await last.screen.until_closed()
            last.closed = time.monotonic()
            attempts = 0
            while last is self.connections[-1]:
                await asyncio.sleep(reconnect_delay(attempts))
                attempts += 1
                try:
                    await self._connect()
                except (OSError, TimeoutError):
                    # The server refused the connection or did not answer. The screen tries to connect again.
                    continue
