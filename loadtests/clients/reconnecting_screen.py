"""The wall: screens that come back whenever they lose their connection, as the page of a real one does."""

import asyncio
import random
import time
from dataclasses import dataclass, field

from loadtests.clients.asyncio_screen import OPEN_SECONDS, AsyncioScreen, open_screen
from loadtests.clients.websocket_frames import Painted

BASE_SECONDS, CAP_SECONDS = 2.0, 10.0
"""Full jitter, as in screen.js."""


@dataclass(slots=True)
class Connection:
    """One connection of a screen. Times are seconds of time.monotonic(); code: of its end, 0 while it is open."""

    screen: AsyncioScreen
    opened: float
    closed: float = float("inf")
    code: int = 0

    @property
    def painted(self) -> list[Painted]:
        return self.screen.painted


@dataclass(slots=True)
class ReconnectingScreen:
    """One screen of a store at http://host:port, from `start` until `stop`."""

    url: str
    path: str
    store: str
    connections: list[Connection] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when it is painted for the first time."""
        await self._connect()
        self._task = asyncio.create_task(self._stay())

    async def stop(self) -> None:
        """Hang up."""
        assert self._task
        self._task.cancel()
        await asyncio.wait([self._task])
        self.connections[-1].closed = min(time.monotonic(), self.connections[-1].closed)
        self.connections[-1].screen.close()

    @property
    def connected(self) -> bool:
        """Whether it is open and painted now."""
        last = self.connections[-1]
        return not last.code and bool(last.painted)

    def away(self) -> list[float]:
        """Seconds between the end of each connection and the first paint of the next one; inf: it has not come back."""
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

    async def _stay(self) -> None:
        while True:
            last = self.connections[-1]
            last.code = await last.screen.until_closed()
            last.closed = time.monotonic()
            attempts = 0
            while last is self.connections[-1]:
                await asyncio.sleep(random.uniform(0, min(CAP_SECONDS, BASE_SECONDS * 2**attempts)))
                attempts += 1
                try:
                    await self._connect()
                except (OSError, TimeoutError):
                    continue  # refused, or nobody is there
