"""The client of the benchmark: one process with many simulated screens.

When a message arrives, the client only stores the message with its time, and notes whether the message is expected. It
evaluates the messages later, when no time is being measured.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from itertools import count
from typing import cast
from urllib.parse import urlsplit

from loadtests.bench.arrivals import Arrivals
from loadtests.bench.bench_screen import BenchScreen, bound_socket
from loadtests.clients.backoff import reconnect_delay
from loadtests.clients.websocket_frames import TEXT, frame

CONCURRENT_OPENS = 100
"""How many screens the client opens at the same time."""
OPEN_SECONDS, CONNECT_SECONDS, CUT_SECONDS = 60.0, 10.0, 60.0


class BenchClient:
    """All simulated screens of one system.

    paints_first: whether the system paints a screen as soon as the screen has connected.
    """

    def __init__(self, url: str, paints_first: bool) -> None:
        parts = urlsplit(url)
        self.url, self.paints_first = url, paints_first
        self.address = (str(parts.hostname), int(parts.port or 80))
        self.screens: list[BenchScreen] = []
        self.arrivals = Arrivals()

    async def open(self, paths: Sequence[str]) -> float:
        """Open a screen for each path. Return the number of seconds until all these screens were painted.

        If the system does not paint new screens, the time ends with the last handshake. Raises ConnectionError or
        TimeoutError if a screen cannot connect.
        """
        first = len(self.screens)
        numbers = iter(range(first, first + len(paths)))
        self.screens += [cast(BenchScreen, None)] * len(paths)
        started = time.monotonic()

        async def open_next() -> None:
            for number in numbers:
                self.screens[number] = await self._connect(number, paths[number - first])

        async with asyncio.timeout(OPEN_SECONDS + len(paths) / 50):
            await asyncio.gather(*(open_next() for _ in range(CONCURRENT_OPENS)))
        return time.monotonic() - started

    async def _connect(self, number: int, path: str) -> BenchScreen:
        loop, sock = asyncio.get_running_loop(), bound_socket(number)
        try:
            await loop.sock_connect(sock, self.address)
        except BaseException:
            sock.close()
            raise

        def make() -> BenchScreen:
            return BenchScreen(self.url, path, number, self.paints_first, self.arrivals)

        transport, screen = await loop.create_connection(make, sock=sock)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await screen.ready
        except BaseException:
            transport.abort()
            raise
        return screen

    async def cut(self) -> tuple[float, int]:
        """Break all connections at once. Then reconnect each screen after a random delay, as the page of a screen does.

        Returns the seconds until the last screen was painted again, and the number of attempts to connect that failed.
        Raises TimeoutError if not all screens are back after CUT_SECONDS.
        """
        started, failed = time.monotonic(), 0
        for screen in self.screens:
            cast(asyncio.Transport, screen.transport).abort()

        async def reconnect(number: int, path: str) -> float:
            nonlocal failed
            for attempt in count():
                await asyncio.sleep(reconnect_delay(attempt))
                try:
                    self.screens[number] = await self._connect(number, path)
                except (OSError, TimeoutError):
                    failed += 1
                else:
                    return self.screens[number].ready.result()
            raise AssertionError("this line cannot be reached, because the loop never ends")

        try:
            async with asyncio.timeout(CUT_SECONDS):
                times = await asyncio.gather(*(reconnect(screen.number, screen.path) for screen in self.screens))
        except TimeoutError:
            raise TimeoutError(
                f"not all screens are back {CUT_SECONDS:.0f} s after a cut; {failed} attempts failed"
            ) from None
        return max(times) - started, failed

    def send_pings(self, seconds: float) -> None:
        """Let each screen send one ping, as the page of a peer does, at a random time within `seconds` seconds.

        The function returns at once and does not wait for the pings.
        """
        loop = asyncio.get_running_loop()
        for screen in self.screens:
            write = cast(asyncio.Transport, screen.transport).write
            loop.call_later(random.uniform(0, seconds), write, frame(TEXT, b"ping"))

    def close(self) -> None:
        """Break all connections, and forget the screens."""
        for screen in filter(None, self.screens):
            cast(asyncio.Transport, screen.transport).abort()
        self.screens.clear()
