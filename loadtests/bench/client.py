"""The crowd: many screens in one process.

What arrives is noted with its time and read later, when nobody waits for it.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from itertools import count
from typing import cast
from urllib.parse import urlsplit

from loadtests.bench.bench_screen import Awaited, BenchScreen, bound_socket
from loadtests.clients.websocket_frames import NUMBER, TEXT, frame

AT_ONCE = 100
"""Screens that are being opened at the same time."""
OPEN_SECONDS, CONNECT_SECONDS, CUT_SECONDS = 60.0, 10.0, 60.0
BASE_SECONDS, CAP_SECONDS = 2.0, 10.0
"""Full jitter, as in screen.js."""


class Crowd:
    """Screens of one system. paints_first: whether it paints a screen that has connected."""

    def __init__(self, url: str, paints_first: bool) -> None:
        parts = urlsplit(url)
        self.url, self.host, self.paints_first = url, parts.netloc, paints_first
        self.address = (str(parts.hostname), int(parts.port or 80))
        self.screens: list[BenchScreen] = []
        self.arrivals: list[tuple[float, int, bytes]] = []
        self.awaited: list[Awaited] = []

    async def open(self, paths: Sequence[str]) -> float:
        """Add a screen for each path. Returns seconds until all were painted. Raises ConnectionError, TimeoutError."""
        first = len(self.screens)
        numbers = iter(range(first, first + len(paths)))
        self.screens += [cast(BenchScreen, None)] * len(paths)
        started = time.monotonic()

        async def some() -> None:
            for number in numbers:
                self.screens[number] = await self._connect(number, paths[number - first])

        async with asyncio.timeout(OPEN_SECONDS + len(paths) / 50):
            await asyncio.gather(*(some() for _ in range(AT_ONCE)))
        return time.monotonic() - started

    async def _connect(self, number: int, path: str) -> BenchScreen:
        loop, sock = asyncio.get_running_loop(), bound_socket(number)
        try:
            await loop.sock_connect(sock, self.address)
        except BaseException:
            sock.close()
            raise
        transport, screen = await loop.create_connection(lambda: BenchScreen(self, number, path), sock=sock)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await screen.greeted
        except BaseException:
            transport.abort()
            raise
        return screen

    async def cut(self) -> tuple[float, int]:
        """All lose their connection at once and come back as the page does. Seconds until the last one is painted
        again, and attempts that failed. Raises TimeoutError.
        """
        started, failed = time.monotonic(), 0
        for screen in self.screens:
            cast(asyncio.Transport, screen.transport).abort()

        async def come_back(number: int, path: str) -> float:
            nonlocal failed
            for attempt in count():
                await asyncio.sleep(random.uniform(0, min(CAP_SECONDS, BASE_SECONDS * 2**attempt)))
                try:
                    self.screens[number] = await self._connect(number, path)
                except (OSError, TimeoutError):
                    failed += 1
                else:
                    return self.screens[number].greeted.result()
            raise AssertionError("the attempts have no end")

        try:
            async with asyncio.timeout(CUT_SECONDS):
                times = await asyncio.gather(*(come_back(screen.number, screen.path) for screen in self.screens))
        except TimeoutError:
            raise TimeoutError(f"not all are back {CUT_SECONDS:.0f} s after a cut; {failed} attempts failed") from None
        return max(times) - started, failed

    def beat(self, seconds: float) -> None:
        """Each screen sends a heartbeat, as its page does; they are spread over this time."""
        loop = asyncio.get_running_loop()
        for screen in self.screens:
            write = cast(asyncio.Transport, screen.transport).write
            loop.call_later(random.uniform(0, seconds), write, frame(TEXT, b"ping"))

    def expect(self, *marks: bytes, screens: int) -> "list[Awaited]":
        """From now on, note what arrives, and wait for each of these texts on so many screens."""
        self.arrivals.clear()
        self.awaited = [Awaited(mark, screens) for mark in marks]
        return self.awaited

    def shown(self, num_cashier: int) -> dict[int, list[float]]:
        """When each screen was painted with the number: once, if all is right."""
        times: dict[int, list[float]] = {}
        for at, screen, text in self.arrivals:
            number = NUMBER.search(text)
            if number and int(number[1]) == num_cashier:
                times.setdefault(screen, []).append(at)
        return times

    def close(self) -> None:
        """All hang up."""
        for screen in filter(None, self.screens):
            cast(asyncio.Transport, screen.transport).abort()
        self.screens.clear()
