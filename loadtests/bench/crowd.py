"""The crowd: many screens in one process, with as little of Python for each message as there can be.

What arrives is noted with its time and read later, when nobody waits for it.
"""

import asyncio
import random
import socket
import time
from collections.abc import Iterator, Sequence
from typing import cast
from urllib.parse import urlsplit

from loadtests.frames import PONG, TEXT, Incoming, frame, handshake, painted

ADDRESSES = 250
"""Of loopback, 127.0.1.1 and so on, that screens come from: Nginx limits what one address may do."""
PING_BYTE = 0x89
OPEN_SECONDS = 60.0
BASE_SECONDS, CAP_SECONDS = 2.0, 10.0
"""Full jitter, as in screen.js."""


def bound_socket(number: int) -> socket.socket:
    """A socket of the address whose turn it is."""
    sock = socket.socket()
    sock.setblocking(False)
    # The port is chosen when it connects, so that one port serves many connections.
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind((f"127.0.1.{number % ADDRESSES + 1}", 0))
    return sock


class Awaited:
    """A text that is to arrive on so many screens."""

    def __init__(self, mark: bytes, screens: int) -> None:
        self.mark, self._left, self._all = mark, screens, asyncio.Event()

    def saw(self) -> None:
        """One more has it."""
        self._left -= 1
        if not self._left:
            self._all.set()

    async def on_all(self, seconds: float) -> None:
        """Raises TimeoutError if some didn't get it."""
        try:
            async with asyncio.timeout(seconds):
                await self._all.wait()
        except TimeoutError:
            raise TimeoutError(f"{self._left} screens without {self.mark.decode()}") from None


class BenchScreen(asyncio.Protocol):
    """One connection of a screen. `greeted`: set with the time of its first paint, or of the handshake's answer."""

    def __init__(self, crowd: "Crowd", number: int, path: str) -> None:
        self.crowd, self.number, self.path = crowd, number, path
        self.greeted: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(handshake(self.crowd.host, self.path, self.crowd.url))

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        crowd = self.crowd
        if not self.greeted.done():
            self._greet(now, data)
        elif data[0] == PING_BYTE:
            cast(asyncio.Transport, self.transport).write(frame(PONG, data[2 : 2 + data[1]]))
        else:
            crowd.arrivals.append((now, self.number, data))
            for awaited in crowd.awaited:
                if awaited.mark in data:
                    awaited.saw()

    def _greet(self, now: float, data: bytes) -> None:
        self._head += data
        if self.crowd.greeting in self._head:
            self.greeted.set_result(now)
        elif b" 101 " not in self._head[:20]:
            self.greeted.set_exception(ConnectionError(f"no websocket: {self._head[:60]!r}"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionError("the connection was lost before the first paint"))


class Crowd:
    """Screens of one system. greeting: bytes by which a screen that has connected knows that it is painted."""

    def __init__(self, url: str, greeting: bytes) -> None:
        parts = urlsplit(url)
        self.url, self.host, self.greeting = url, parts.netloc, greeting
        self.address = (str(parts.hostname), int(parts.port or 80))
        self.screens: list[BenchScreen] = []
        self.arrivals: list[tuple[float, int, bytes]] = []
        self.awaited: list[Awaited] = []

    async def open(self, paths: Sequence[str], *, at_once: int = 100) -> float:
        """Add a screen for each path. Returns seconds until all were painted. Raises ConnectionError."""
        numbers = iter(range(len(self.screens), len(self.screens) + len(paths)))
        self.screens += [cast(BenchScreen, None)] * len(paths)
        started = time.monotonic()

        async def some(first: int) -> None:
            for number in numbers:
                self.screens[number] = await self._connect(number, paths[number - first])

        first = len(self.screens) - len(paths)
        async with asyncio.timeout(OPEN_SECONDS + len(paths) / 50):
            await asyncio.gather(*(some(first) for _ in range(at_once)))
        return time.monotonic() - started

    async def _connect(self, number: int, path: str) -> BenchScreen:
        loop, sock = asyncio.get_running_loop(), bound_socket(number)
        try:
            await loop.sock_connect(sock, self.address)
        except BaseException:
            sock.close()
            raise
        _transport, screen = await loop.create_connection(lambda: BenchScreen(self, number, path), sock=sock)
        await screen.greeted
        return screen

    async def cut(self) -> tuple[float, int]:
        """All lose their connection at once and come back as the page does. Seconds until the last one is painted
        again, and attempts that failed.
        """
        started, failed = time.monotonic(), 0
        for screen in self.screens:
            cast(asyncio.Transport, screen.transport).abort()

        async def come_back(number: int, path: str) -> float:
            nonlocal failed
            for attempt in range(100):
                await asyncio.sleep(random.uniform(0, min(CAP_SECONDS, BASE_SECONDS * 2**attempt)))
                try:
                    self.screens[number] = await self._connect(number, path)
                    return self.screens[number].greeted.result()
                except OSError:
                    failed += 1
            raise ConnectionError(f"screen {number} did not come back")

        async with asyncio.timeout(300):
            times = await asyncio.gather(*(come_back(screen.number, screen.path) for screen in self.screens))
        return max(times) - started, failed

    def expect(self, *marks: bytes, screens: int) -> "list[Awaited]":
        """From now on, note what arrives, and wait for each of these texts on so many screens."""
        self.arrivals.clear()
        self.awaited = [Awaited(mark, screens) for mark in marks]
        return self.awaited

    def shown(self, num_cashier: int) -> list[float]:
        """When each screen was painted with the number; one that was painted twice is there twice."""
        return [at for at, number in self._paints() if number == num_cashier]

    def _paints(self) -> Iterator[tuple[float, int]]:
        readers: dict[int, Incoming] = {}
        for at, number, data in self.arrivals:
            reader = readers.setdefault(number, Incoming(status=101))
            for opcode, payload in reader.feed(data):
                if opcode == TEXT and (paint := painted(at, payload)):
                    yield at, paint.num_cashier

    def close(self) -> None:
        """All hang up."""
        for screen in self.screens:
            cast(asyncio.Transport, screen.transport).abort()
        self.screens.clear()
